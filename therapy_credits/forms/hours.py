"""Hours of a week and of single days: those of a practitioner, and those of the care desk."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


def time_field(label: Any, *, required: bool = True, help_text: Any = "") -> forms.TimeField:
    return forms.TimeField(
        label=label,
        required=required,
        help_text=help_text,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )


def day_field(label: Any, *, required: bool = True, help_text: Any = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        required=required,
        help_text=help_text,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class WindowForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """From when to when, every week."""

    starts = time_field(_("From"))
    ends = time_field(_("To"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        starts, ends = cleaned.get("starts"), cleaned.get("ends")
        if starts and ends and ends <= starts:
            self.add_error("ends", _("The end must come after the start."))
        return cleaned


class SingleDayForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """A day that differs: closed, or open at other hours."""

    on_date = day_field(_("Day"))
    starts = time_field(
        _("Open from"), required=False, help_text=_("Leave both times empty for a day off.")
    )
    ends = time_field(_("Open to"), required=False)

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_on_date(self) -> dt.date:
        day: dt.date = self.cleaned_data["on_date"]
        if day < self.today:
            raise forms.ValidationError(_("This day is over. Choose today or a later day."))
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        starts, ends = cleaned.get("starts"), cleaned.get("ends")
        if bool(starts) != bool(ends):
            self.add_error(
                "ends" if starts else "starts", _("Give both times, or none for a day off.")
            )
        elif starts and ends and ends <= starts:
            self.add_error("ends", _("The end must come after the start."))
        return cleaned
