"""What a person types to sign in, and about themselves."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import (
    AddEmailForm,
    LoginForm,
    RequestLoginCodeForm,
    ResetPasswordForm,
    SignupForm,
)
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Role
from common.text import is_showable
from common.when import ZONES


def validate_showable(name: str) -> None:
    """For a form: a name in any script, of characters that can be shown."""
    if not is_showable(name):
        raise forms.ValidationError(
            _("The name has characters that cannot be shown. Type it again by hand.")
        )


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """One form for both ways in: with a password, or without one by a code in a mail."""

    def _setup_password_field(self) -> None:
        # allauth drops the field where signing up asks for no password.
        password = self.fields["password"]
        password.required = False
        password.label = _("Password")
        password.help_text = _("No password? Leave this empty and we send you a code.")
        password.widget.attrs.pop("placeholder", None)
        self.fields["login"].label = _("E-mail address")
        self.fields["login"].widget.attrs.pop("placeholder", None)


class OneAddress:
    """The forms of allauth that ask for an address and no more, in our words."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")
        self.fields["email"].widget.attrs.pop("placeholder", None)


class SignUpForm(OneAddress, SignupForm):  # type: ignore[misc]  # allauth has no types
    """A new account."""


class SignInCodeForm(OneAddress, RequestLoginCodeForm):  # type: ignore[misc]  # as above
    """A code by mail in place of a password."""


class NewPasswordForm(OneAddress, ResetPasswordForm):  # type: ignore[misc]  # as above
    """A link by mail to choose another password."""


class NewAddressForm(OneAddress, AddEmailForm):  # type: ignore[misc]  # as above
    """Another address for the account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New e-mail address")


def zone_choices() -> list[tuple[str, Any]]:
    """Zones that are places, and UTC; people recognise the city."""
    places = sorted(
        name
        for name in ZONES
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "US/", "Canada/"))
    )
    return [
        ("", _("Same as my device")),
        ("UTC", "UTC"),
        *((name, name.replace("_", " ")) for name in places),
    ]


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """A key that signs in by itself, unless somebody wants it as a second step only."""

    passwordless = forms.BooleanField(
        label=_("Let it sign me in alone"),
        help_text=_("No password, no code. Leave it off to use it only after your password."),
        required=False,
        initial=True,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("What do you call this device?")


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        help_text=_("As you want to be called. A stage name is fine."),
        validators=[validate_showable],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("", _("Same as my browser")), *settings.LANGUAGES],
        required=False,
        help_text=_("For pages and for mail."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=zone_choices,
        required=False,
        help_text=_("For mail and calendars. Pages show the time of the device you hold."),
    )


class FindPersonForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        help_text=_("The whole address. Searching for parts would let one browse people."),
        error_messages={"invalid": _("Write a whole e-mail address, like ann@example.org.")},
    )


class GiveRoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
    until_on = forms.DateField(
        label=_("Last day"),
        required=False,
        help_text=_("Leave empty for no end. The role ends at midnight UTC after this day."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def clean_until_on(self) -> Any:
        until_on = self.cleaned_data["until_on"]
        if until_on and until_on < timezone.now().date():
            raise forms.ValidationError(_("This day is over. Choose today or a later day."))
        return until_on


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(choices=[("approve", _("Approve")), ("refuse", _("Refuse"))])
