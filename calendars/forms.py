"""What a person may choose about their calendar."""

from django import forms
from django.utils.translation import gettext_lazy as _

from calendars.models import FeedToken


class FeedSettingsForm(forms.Form):
    wants_plain_titles = forms.BooleanField(
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
    wants_single_dates = forms.BooleanField(
        label=_("Show each date of what I come to every time by itself"),
        help_text=_(
            "Usually it is one entry that repeats, here and in our mails. Single dates are for "
            "programs that show such entries twice or in wrong places. Mails bring what changes."
        ),
        required=False,
    )
    alarm_minutes = forms.TypedChoiceField(
        label=_("Remind me of events"),
        help_text=_(
            "By your own calendar program. Some programs ignore it in calendars like this."
        ),
        choices=[("", _("No reminder")), *FeedToken.Alarm.choices],
        coerce=int,
        empty_value=None,
        required=False,
    )
