"""What happened at a date, in words."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from events.models import IncidentKind


class IncidentForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("What kind of thing was it?"),
        choices=IncidentKind.choices,
        widget=forms.RadioSelect,
    )
    words = forms.CharField(
        label=_("What happened?"),
        help_text=_(
            "What you saw or heard, when, and what was done. Not what you think it means. Names "
            "only of people who must be reached."
        ),
        max_length=4000,
        widget=forms.Textarea({"rows": 8}),
    )
    was_emergency = forms.BooleanField(label=_("Emergency services were called"), required=False)
