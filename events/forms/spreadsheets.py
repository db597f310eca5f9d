"""Events from a spreadsheet: read, checked line by line, and nothing written."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms.models import model_to_dict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from ambassadors.models import Programme
from common.text import without_guard
from events.domain.plans import DatePlan
from events.forms import DateForm, EventForm
from events.models import Event

LARGEST_FILE = 500_000
MOST_LINES = 500
# The columns of the export, in its order. A file needs the first five; others may be missing.
NEEDED = ("title", "time_zone", "date", "starts", "ends")
WORDS = (
    "summary",
    "body",
    "hosts",
    "language",
    "topics",
    "visibility",
    "programme",
    "format",
    "place_name",
    "address",
    "online_url",
    "access_notes",
    "content_notes",
    "max_plus_ones",
    "minimum_age",
    "price_kind",
    "currency",
    "price",
    "least",
    "refund_hours",
    "recording_note",
    "safety_lead",
    "host_briefing",
    "emergency_number",
    "emergency_address",
    "quiet_space",
)
AMOUNTS = {"price_minor": "price", "least_minor": "least"}
COLUMNS = (*NEEDED, "places", *WORDS)


@dataclass
class DraftToImport:
    """One event of the file: its words, its dates, and what is wrong with them."""

    title: str
    lines: list[int]
    words: dict[str, Any] = field(default_factory=dict)
    dates: list[DatePlan] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    is_there: bool = False
    """Whether an event of this title on the first of these dates exists already."""


class ImportForm(forms.Form):
    """A file, or the text of one that was looked at before."""

    file = forms.FileField(
        label=_("CSV file"),
        help_text=_("As a spreadsheet saves it, in UTF-8; at most 500 lines."),
        widget=forms.FileInput({"accept": ".csv,text/csv"}),
    )
    text = forms.CharField(
        required=False, max_length=LARGEST_FILE, strip=False, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = not self.data.get("text")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file = data.get("file")
        if file is not None and file.size > LARGEST_FILE:
            self.add_error("file", gettext("This file is too large. Import it in parts."))
        elif file is not None:
            try:
                data["text"] = file.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                self.add_error("file", gettext("Save the file as “CSV UTF-8” and try again."))
        if "\x00" in data.get("text", ""):
            self.add_error("file", gettext("This is no CSV file."))
        return data


def read_events(text: str, *, editor: User, at: datetime) -> tuple[list[DraftToImport], list[str]]:
    """The events of a file and what is wrong with the file itself.

    Lines with the same title are the dates of one event; the first of them says its words.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or []]
        reader.fieldnames = names
        rows = [
            {key: _cell(value) for key, value in row.items() if isinstance(key, str)}
            for row, _number in zip(reader, range(MOST_LINES + 1), strict=False)
        ]
    except csv.Error:
        return [], [gettext("This is no CSV file.")]
    if missing := [name for name in NEEDED if name not in names]:
        return [], [gettext("These columns are missing: %(names)s") % {"names": ", ".join(missing)}]
    if len(rows) > MOST_LINES:
        return [], [gettext("These are more than 500 lines. Import them in parts.")]
    drafts: dict[str, DraftToImport] = {}
    programmes = {
        one.slug: one.pk for one in Programme.objects.run_by(editor, "coordinator", at=at)
    }
    for number, row in enumerate(rows, start=2):
        if not any(row.values()):
            continue
        title = row.get("title", "")
        draft = drafts.get(title)
        if draft is None:
            draft = drafts[title] = DraftToImport(title, [])
            _read_words(draft, row, number, programmes, editor, at)
        draft.lines.append(number)
        _read_date(draft, row, number)
    for draft in drafts.values():
        draft.is_there = _is_there(draft, editor, at)
    return list(drafts.values()), []


def _cell(value: str | None) -> str:
    """A cell without what guards our own exports against being read as formulas."""
    return without_guard((value or "").strip())


def _delimiter(text: str) -> str:
    """Spreadsheets of many countries write semicolons."""
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _read_words(
    draft: DraftToImport,
    row: Mapping[str, str],
    number: int,
    programmes: Mapping[str, int],
    editor: User,
    at: datetime,
) -> None:
    event = Event()
    data: dict[str, Any] = model_to_dict(event, EventForm.Meta.fields)
    data = {name: "" if value is None else value for name, value in data.items()}
    data |= {name: row[name] for name in WORDS if row.get(name)}
    # Amounts are typed as in the form, and their columns are called what people call them.
    data |= {name: row.get(column, "") for name, column in AMOUNTS.items()}
    data |= {"title": row.get("title", ""), "time_zone": row.get("time_zone", ""), "version": 0}
    data["topics"] = row.get("topics", "").split()
    if slug := row.get("programme"):
        data["programme"] = programmes.get(slug, 0)
    form = EventForm(data, instance=event, editor=editor, at=at)
    if form.is_valid():
        draft.words = form.words
        return
    for name, errors in form.errors.items():
        # What does not fit together cannot be judged while single cells are wrong.
        if name == NON_FIELD_ERRORS and len(form.errors) > 1:
            continue
        column = "title" if name == NON_FIELD_ERRORS else AMOUNTS.get(name, name)
        draft.errors += [_error(number, column, error) for error in errors]


def _read_date(draft: DraftToImport, row: Mapping[str, str], number: int) -> None:
    names = {"on": "date", "starts": "starts", "ends": "ends", "capacity": "places"}
    form = DateForm({name: row.get(column, "") for name, column in names.items()})
    zone = draft.words.get("time_zone")
    form.zone = ZoneInfo(zone) if zone else None
    if not form.is_valid():
        for name, errors in form.errors.items():
            draft.errors += [_error(number, names.get(name, "date"), error) for error in errors]
    elif form.zone is not None:
        data = form.cleaned_data
        plan = DatePlan(data["starts_at"], data["ends_at"], data["capacity"])
        day = plan.starts_at.astimezone(form.zone).date()
        if any(one.starts_at.astimezone(form.zone).date() == day for one in draft.dates):
            draft.errors.append(
                _error(number, "date", gettext("There is already a date on this day."))
            )
        draft.dates.append(plan)


def _error(number: int, column: str, error: object) -> str:
    return gettext("Line %(number)d, %(column)s: %(error)s") % {
        "number": number,
        "column": column,
        "error": error,
    }


def _is_there(draft: DraftToImport, editor: User, at: datetime) -> bool:
    if not draft.dates:
        return False
    same = Event.objects.editable_by(editor, at=at).filter(title=draft.title)
    return same.filter(occurrences__starts_at=draft.dates[0].starts_at).exists()
