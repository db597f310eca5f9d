"""What care staff type. Choices and dates; never a word about a person."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from therapy_credits.forms.hours import SingleDayForm, WindowForm, day_field
from therapy_credits.models import DeskException, DeskHours, Practitioner


class PractitionerField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic when it runs
    def label_from_instance(self, obj: Practitioner) -> str:
        languages = ", ".join(obj.languages)
        return f"{obj.name}, {obj.practice.name} ({obj.practice.country}; {languages})"


class StaffField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic when it runs
    def label_from_instance(self, obj: User) -> str:
        return obj.get_short_name()


class AnswerForm(forms.Form):
    """Whom the desk found; or, honestly, until when nobody is to be expected."""

    practitioner = PractitionerField(
        label=_("Somebody who fits"),
        queryset=Practitioner.objects.none(),
        required=False,
        empty_label=_("Choose"),
    )
    wait_until = forms.DateField(
        label=_("Nobody for now: we look again by"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, is_found: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_found = is_found
        field = self.fields["practitioner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = (
            Practitioner.objects.bookable().select_related("practice").order_by("name", "pk")
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        needed = "practitioner" if self.is_found else "wait_until"
        if not data.get(needed):
            self.add_error(needed, _("This is needed for that answer."))
        # Only what belongs to the answer that was pressed.
        return {
            "practitioner": data.get("practitioner") if self.is_found else None,
            "wait_until": None if self.is_found else data.get("wait_until"),
        }


class DeskHoursForm(WindowForm):
    class Meta:
        model = DeskHours
        fields = ["weekday", "starts", "ends"]


class DeskDaysForm(SingleDayForm):
    """One day, or several that follow one another."""

    until = day_field(
        _("Until"), required=False, help_text=_("Empty for one day. At most four weeks at a time.")
    )
    LONGEST = dt.timedelta(days=28)

    class Meta:
        model = DeskException
        fields = ["on_date", "starts", "ends"]

    field_order = ("on_date", "until", "starts", "ends")

    def validate_unique(self) -> None:
        """What was said of a day before is replaced."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        first, last = cleaned.get("on_date"), cleaned.get("until")
        if first and last and not first <= last <= first + self.LONGEST:
            self.add_error("until", _("This must be the same day or later, within four weeks."))
        return cleaned


class ZoneForm(forms.Form):
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(zone, zone) for zone in sorted(available_timezones())],
    )


class AbsenceForm(forms.Form):
    """When somebody of the care staff is away, and who covers."""

    first_on = day_field(_("First day away"))
    last_on = day_field(_("Last day away"))
    cover = StaffField(
        label=_("Who covers for you"),
        queryset=User.objects.none(),
        empty_label=_("Choose"),
        help_text=_("What falls due while you are away goes to them. People can see who looked."),
    )

    def __init__(self, *args: Any, covers: QuerySet[User], today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        field = self.fields["cover"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = covers

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first_on"), cleaned.get("last_on")
        if first and last and last < first:
            self.add_error("last_on", _("The end must come after the start."))
        elif last and last < self.today:
            self.add_error("last_on", _("This day is over. Choose today or a later day."))
        return cleaned
