"""What a person types on pages that join several apps."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class EraseForm(forms.Form):
    """The address of the account, typed: nobody erases themselves by a slip."""

    address = forms.CharField(
        label=_("Type the e-mail address of your account"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("So that this does not happen by mistake."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].strip()
        if address.casefold() != self.user.email.casefold():
            raise forms.ValidationError(
                _("This is not the address of your account. It is on your profile.")
            )
        return address
