"""What staff type about when an event comes back, and about one of its dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.when import span
from events.domain.plans import DatePlan, SeriesPlan
from events.domain.recurrence import Rule
from events.forms import DateForm, DateInput, TimeInput
from events.models import WEEKDAYS, Event, Occurrence, Series

HOW = [
    ("weekly", _("Every week, on these days")),
    ("month_week", _("Every month, on the same weekday: such as the third Thursday")),
    ("month_last", _("Every month, on the last such weekday")),
    ("month_day", _("Every month, on the same day: such as the 15th")),
    ("month_end", _("Every month, on its last day")),
    ("daily", _("Every day")),
]
ENDING = [
    ("never", _("Never")),
    ("on", _("On a day")),
    ("after", _("After so many dates")),
]


class SeriesForm(forms.Form):
    """A rule, asked for as people say it."""

    starts_on = forms.DateField(
        label=_("First day"),
        help_text=_("What happens every month takes its weekday or its day from this one."),
        widget=DateInput(),
    )
    starts = forms.TimeField(label=_("Starts"), widget=TimeInput())
    ends = forms.TimeField(
        label=_("Ends"),
        help_text=_("What ends before it starts ends on the next day."),
        widget=TimeInput(),
    )
    how = forms.ChoiceField(label=_("It comes back"), choices=HOW, widget=forms.RadioSelect)
    weekdays = forms.TypedMultipleChoiceField(
        label=_("On these days of the week"),
        help_text=_("Only for what happens every week. None chosen: that of the first day."),
        choices=WEEKDAYS,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    interval = forms.IntegerField(
        label=_("Only every so many"),
        help_text=_("1 for every week, month or day; 2 for every second one, and so on."),
        min_value=1,
        max_value=52,
        initial=1,
    )
    ending = forms.ChoiceField(
        label=_("It ends"), choices=ENDING, initial="never", widget=forms.RadioSelect
    )
    ends_on = forms.DateField(label=_("Last day it may be"), required=False, widget=DateInput())
    count = forms.IntegerField(
        label=_("How many dates"), required=False, min_value=1, max_value=1000
    )
    capacity = forms.IntegerField(
        label=_("Places on each date"),
        help_text=_("Empty for no limit."),
        min_value=0,
        max_value=100_000,
        required=False,
    )
    without = forms.CharField(
        label=_("Days left out"),
        help_text=_("Holidays, for instance. One on each line, such as 2026-12-24."),
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 3}),
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_without(self) -> frozenset[date]:
        days = set()
        for line in self.cleaned_data["without"].replace(",", "\n").split():
            try:
                days.add(date.fromisoformat(line))
            except ValueError as unread:
                raise forms.ValidationError(
                    gettext("“%(line)s” is not a day. Write it as 2026-12-24.")
                    % {"line": line[:40]}
                ) from unread
        return frozenset(days)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        starts_on, ends_on = data.get("starts_on"), data.get("ends_on")
        if data.get("ending") == "on" and "ends_on" not in self.errors:
            if ends_on is None:
                self.add_error("ends_on", gettext("Say the last day."))
            elif starts_on and ends_on < starts_on:
                self.add_error("ends_on", gettext("The last day is before the first."))
        if data.get("ending") == "after" and not data.get("count") and "count" not in self.errors:
            self.add_error("count", gettext("Say how many dates."))
        if not self.errors and next(self.plan.rule.days(), None) is None:
            self.add_error(None, gettext("This rule names no day at all. Change when it ends."))
        return data

    @property
    def plan(self) -> SeriesPlan:
        """What was asked for, as the service takes it."""
        data = self.cleaned_data
        starts, ends = data["starts"], data["ends"]
        some_day = data["starts_on"]
        length = datetime.combine(some_day, ends) - datetime.combine(some_day, starts)
        if length <= timedelta():
            length += timedelta(days=1)
        rule = Rule(
            starts_on=some_day,
            interval=data["interval"],
            ends_on=data["ends_on"] if data["ending"] == "on" else None,
            count=data["count"] if data["ending"] == "after" else None,
            **_position(data["how"], some_day, data["weekdays"]),
        )
        return SeriesPlan(
            rule, starts, int(length.total_seconds() // 60), data["capacity"], data["without"]
        )


def _position(how: str, day: date, weekdays: list[int]) -> dict[str, Any]:
    """The part of the rule that says which days, with what the first day says of itself."""
    week = (day.day - 1) // 7 + 1
    if how == "daily":
        return {"frequency": "daily"}
    if how == "weekly":
        return {"frequency": "weekly", "weekdays": tuple(sorted(weekdays or [day.weekday()]))}
    if how == "month_day":
        return {"frequency": "monthly", "month_day": day.day}
    if how == "month_end":
        return {"frequency": "monthly", "month_day": -1}
    # No month is sure to have a fifth one: then the last is meant.
    last = how == "month_last" or week == 5
    return {
        "frequency": "monthly",
        "month_week": -1 if last else week,
        "weekdays": (day.weekday(),),
    }


def asked_of(series: Series, pivot: date) -> dict[str, Any]:
    """A series from ``pivot`` on, as the form asks for it."""
    if series.frequency != Series.Frequency.MONTHLY:
        how = series.frequency
    elif series.month_day is not None:
        how = "month_end" if series.month_day == -1 else "month_day"
    else:
        how = "month_last" if series.month_week == -1 else "month_week"
    count = series.count and series.count - series.rule.count_before(pivot)
    start = series.wall_start(pivot)
    return {
        "starts_on": pivot,
        "starts": series.starts_clock,
        "ends": (start + series.duration).time(),
        "how": how,
        "weekdays": series.weekdays if how == "weekly" else [],
        "interval": series.interval,
        "ending": "on" if series.ends_on else "after" if count else "never",
        "ends_on": series.ends_on,
        "count": count,
        "capacity": series.capacity,
        "without": "\n".join(str(day) for day in sorted(series.excluded_on) if day >= pivot),
    }


class ScopeForm(forms.Form):
    """Whether somebody comes once or every time, and which dates not."""

    scope = forms.ChoiceField(
        label=_("Which dates?"),
        choices=[("one", _("Only this one")), ("all", _("Every date, later ones too"))],
        initial="one",
        required=False,
        widget=forms.RadioSelect,
    )
    left_out = forms.TypedMultipleChoiceField(
        label=_("But not on"),
        help_text=_("Only where you come every time. You can change it later."),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, dates: Sequence[Occurrence], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["left_out"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(one.pk, span(one.local_start, None)) for one in dates]

    @property
    def is_every_time(self) -> bool:
        return bool(self.is_valid() and self.cleaned_data["scope"] == "all")


class OneDateForm(DateForm):
    """One date alone: when, how many, and what is different about it."""

    other_place = forms.CharField(
        label=_("Another place"),
        help_text=_("Only for this date, with its address. Empty: as always."),
        max_length=240,
        required=False,
    )
    other_url = forms.URLField(
        label=_("Another online link"),
        help_text=_("Only for this date. Empty: as always."),
        max_length=500,
        required=False,
        assume_scheme="https",
    )
    note = forms.CharField(
        label=_("What is different"),
        help_text=_("A sentence for the page, the mails and the calendar, such as a guest host."),
        max_length=240,
        required=False,
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, event: Event, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = event.zone
        if not event.has_place:
            del self.fields["other_place"]
        if not event.is_online:
            del self.fields["other_url"]
        # Shown only when the hour happens twice; see ``asks_which``.
        self.order_fields(["on", "starts", "ends", "which", "capacity"])

    @property
    def plan(self) -> DatePlan:
        data = self.cleaned_data
        return DatePlan(
            data["starts_at"],
            data["ends_at"],
            data["capacity"],
            note=data["note"],
            # What the event's format does not ask for stays, for when it is asked for again.
            other_place=data.get("other_place"),
            other_url=data.get("other_url"),
        )


def facts_of(occurrence: Occurrence) -> dict[str, Any]:
    """One date as the form shows it. Needs its event."""
    return {
        "on": occurrence.local_start.date(),
        "starts": occurrence.local_start.time(),
        "ends": occurrence.local_end.time(),
        "which": "second" if occurrence.local_start.fold else "",
        "capacity": occurrence.capacity,
        "note": "" if occurrence.is_cancelled else occurrence.note,
        "other_place": occurrence.other_place,
        "other_url": occurrence.other_url,
        "version": occurrence.event.version,
    }
