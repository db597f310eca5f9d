"""What a person may choose about their calendar."""

from django import forms
from django.utils.translation import gettext_lazy as _


class FeedSettingsForm(forms.Form):
    is_discreet = forms.BooleanField(
        label=_("Plain titles for everything"),
        help_text=_(
            "Each entry says “Busy” and when, and nothing else: no title, no place, no link. "
            "For calendars that a manager, a partner or a screen at work can see."
        ),
        required=False,
    )
    shows_busy = forms.BooleanField(
        label=_("Add my private appointments as “Busy”"),
        help_text=_(
            "They are left out unless you ask for them, and they never say more than “Busy”."
        ),
        required=False,
    )
