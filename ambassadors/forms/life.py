"""Being away, and going on into another term."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ambassadors.forms.enrolments import zone_choices
from ambassadors.models import Absence, Enrolment, EnrolmentStatus, Term

_DATE = {"type": "date"}


class AbsenceForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("You are"), choices=Absence.Kind.choices, widget=forms.RadioSelect
    )
    starts_on = forms.DateField(label=_("First day"), widget=forms.DateInput(attrs=_DATE))
    ends_on = forms.DateField(label=_("Last day"), widget=forms.DateInput(attrs=_DATE))
    time_zone = forms.ChoiceField(
        label=_("Time zone there"),
        required=False,
        help_text=_("So that nobody rings you at night. Leave it empty if it changes."),
    )

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        zone = self.fields["time_zone"]
        assert isinstance(zone, forms.ChoiceField)
        zone.choices = [("", _("Not one place")), *zone_choices()]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("starts_on"), data.get("ends_on")
        if first and last and last < first:
            self.add_error("ends_on", _("The last day is before the first. Swap them."))
        elif last and last < self.today:
            self.add_error("ends_on", _("These days are over. Choose days still to come."))
        elif first and last and last - first > dt.timedelta(days=730):
            self.add_error("ends_on", _("That is more than two years. Choose a nearer day."))
        return data


class RenewForm(forms.Form):
    """Whom to ask to go on (those ticked, or everybody a list shows), and into which term."""

    into = forms.TypedChoiceField(label=_("Into"), coerce=int)
    whom = forms.ChoiceField(
        choices=[("all", ""), ("ticked", "")], initial="all", widget=forms.HiddenInput
    )
    ticked = forms.ModelMultipleChoiceField(
        queryset=Enrolment.objects.none(), required=False, widget=forms.MultipleHiddenInput
    )
    status = forms.ChoiceField(
        choices=[("", ""), *EnrolmentStatus.choices], required=False, widget=forms.HiddenInput
    )
    q = forms.CharField(max_length=100, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, term: Term, terms: Sequence[Term], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        into, ticked = self.fields["into"], self.fields["ticked"]
        assert isinstance(into, forms.TypedChoiceField)
        assert isinstance(ticked, forms.ModelMultipleChoiceField)
        into.choices = [(term.pk, term.name) for term in terms]
        ticked.queryset = term.enrolments.all()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("whom") == "ticked" and not data.get("ticked"):
            raise forms.ValidationError(_("Tick the people first."))
        return data
