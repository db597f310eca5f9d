"""A PIN, and an address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

_DIGITS = RegexValidator(r"^\d{4,8}$", _("Four to eight digits."))


def _pin_field(label: Any, *, required: bool, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        validators=[_DIGITS],
        help_text=help_text,
        widget=forms.PasswordInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "maxlength": "8"}
        ),
    )


class PinForm(forms.Form):
    pin = _pin_field(_("Your PIN"), required=True)


class AddressCodeForm(forms.Form):
    code = forms.CharField(
        label=_("The code that we sent there"),
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())


class PrivateForm(forms.Form):
    pin = _pin_field(
        _("New PIN"),
        required=False,
        help_text=_(
            "Four to eight digits. No mail can reset it: choose one you will remember, or have a"
            " passkey too."
        ),
    )
    again = _pin_field(_("The same PIN again"), required=False)
    remove_pin = forms.BooleanField(label=_("Take the PIN away"), required=False)
    address = forms.EmailField(
        label=_("Private address for mail about these pages"),
        required=False,
        max_length=254,
        help_text=_("Leave it empty to have it sent to the address you sign in with."),
    )

    def __init__(self, *args: Any, has_pin: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_pin:
            del self.fields["remove_pin"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("pin", "") != data.get("again", ""):
            self.add_error("again", _("The two are not the same."))
        return data

    def new_pin(self) -> str | None:
        """The PIN to set; empty to take it away; None to leave it as it is."""
        if self.cleaned_data.get("remove_pin"):
            return ""
        return self.cleaned_data["pin"] or None
