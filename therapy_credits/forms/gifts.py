"""What a giver types, and who opens a gift. No message, no reason: only how many, and where to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


def age_question() -> forms.TypedChoiceField:
    """Asked once, of who has not said it yet. No birth date."""
    return forms.TypedChoiceField(
        label=_("Are you 18 or older?"),
        choices=[("yes", _("Yes")), ("no", _("No"))],
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
    )


class GiveForm(forms.Form):
    """How many, and how it reaches them."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    units = forms.IntegerField(
        label=_("How many?"),
        min_value=1,
        initial=1,
        help_text=_("They keep the date until which yours are good."),
    )
    contact = forms.EmailField(
        label=_("Their e-mail address"),
        required=False,
        max_length=254,
        help_text=_(
            "We send a link in half an hour, without your name, and then forget the address. "
            "Leave it empty to pass a link or a code on yourself."
        ),
    )
    is_adult = age_question()

    def __init__(self, *args: Any, most: int, ask_age: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.most = most
        self.fields["units"].widget.attrs["max"] = most
        if not ask_age:
            del self.fields["is_adult"]

    def clean_units(self) -> int:
        units: int = self.cleaned_data["units"]
        if units > self.most:
            raise forms.ValidationError(
                _("You have %(most)s that can be given."), params={"most": self.most}
            )
        return units


class ClaimCodeForm(forms.Form):
    """The code a gift came with."""

    code = forms.CharField(
        label=_("Your code"),
        max_length=40,
        help_text=_("14 letters and numbers. Case and hyphens do not matter."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "class": "session-code-input",
            }
        ),
        error_messages={"required": _("Type the code you were given.")},
    )


class AcceptForm(forms.Form):
    """Only the age, where it was not said before."""

    is_adult = age_question()

    def __init__(self, *args: Any, ask_age: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not ask_age:
            del self.fields["is_adult"]
