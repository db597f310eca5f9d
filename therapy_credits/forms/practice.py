"""What a practice types in its portal. Units and times; never a note."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from therapy_credits.domain.busy import NotACalendar, read_busy
from therapy_credits.forms.hours import SingleDayForm, WindowForm
from therapy_credits.models import HoursException, Practitioner, ServiceType, WeeklyHours


class RedeemForm(forms.Form):
    """A code, and the session it was for."""

    code = forms.CharField(
        label=_("Code"),
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
        error_messages={"required": _("Type the code your client gave you.")},
    )
    held_on = forms.DateField(
        label=_("Day of the session"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    service = forms.ModelChoiceField(
        label=_("Kind of session"),
        queryset=ServiceType.objects.none(),
        empty_label=None,
        help_text=_("A code is for one session."),
    )

    def __init__(self, *args: Any, services: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["service"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = services
        field.initial = services.first()
        if len(services) == 1:
            field.widget = forms.HiddenInput()


class _OfPractitioner(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """A form about one of the practice's practitioners."""

    def __init__(self, *args: Any, practitioners: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["practitioner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = practitioners
        field.empty_label = None
        if practitioners.count() == 1:
            field.initial = practitioners.first()
            field.widget = forms.HiddenInput()


class WeeklyHoursForm(WindowForm, _OfPractitioner):
    class Meta:
        model = WeeklyHours
        fields = ["practitioner", "weekday", "starts", "ends"]


class BusyForm(forms.Form):
    """The calendar a practitioner exported. Only its times are kept."""

    practitioner = forms.ModelChoiceField(
        label=_("Practitioner"), queryset=Practitioner.objects.none(), empty_label=None
    )
    calendar = forms.FileField(
        label=_("Calendar file (.ics)"),
        help_text=_("At most 1 MB. We keep when you are busy for the next weeks, nothing else."),
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar"}),
    )
    LARGEST = 1024 * 1024

    def __init__(
        self, *args: Any, practitioners: Any, now: dt.datetime, until: dt.datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.now, self.until = now, until
        field = self.fields["practitioner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = practitioners
        if practitioners.count() == 1:
            field.initial = practitioners.first()
            field.widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        upload, one = data.get("calendar"), data.get("practitioner")
        if upload is None or one is None:
            return data
        if upload.size > self.LARGEST:
            self.add_error("calendar", _("That file is larger than 1 MB."))
            return data
        try:
            data["spans"] = read_busy(
                upload.read(), zone=one.practice.zone, since=self.now, until=self.until
            )
        except NotACalendar:
            self.add_error(
                "calendar",
                _("This could not be read as a calendar. Export it again as an .ics file."),
            )
        return data


class HoursExceptionForm(SingleDayForm, _OfPractitioner):
    class Meta:
        model = HoursException
        fields = ["practitioner", "on_date", "starts", "ends"]
