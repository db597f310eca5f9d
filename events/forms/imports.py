"""A calendar file that staff bring along."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from ambassadors.models import Programme
from events.domain.foreign_calendars import MAX_BYTES
from events.models import LANGUAGES


class CalendarFileForm(forms.Form):
    """The file, and what it does not say. Seen once, its bytes come back with the form."""

    file = forms.FileField(
        label=_("Calendar file"),
        help_text=_("A file that ends in .ics, as Google, Outlook, Apple and others export it."),
        widget=forms.FileInput({"accept": ".ics,text/calendar"}),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("For times in the file that name none.")
    )
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)
    programme = forms.ModelChoiceField(
        Programme.objects.none(), label=_("Programme"), required=False, empty_label=_("None")
    )
    content = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(
        self, *args: Any, programmes: Any, must_have_one: bool, zones: list[str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = not self.data.get("content")
        zone = self.fields["time_zone"]
        assert isinstance(zone, forms.ChoiceField)
        zone.choices = [(name, name.replace("_", " ")) for name in zones]
        programme = self.fields["programme"]
        assert isinstance(programme, forms.ModelChoiceField)
        programme.queryset = programmes
        programme.required = must_have_one

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file = cleaned.get("file")
        if file is not None and file.size > MAX_BYTES:
            self.add_error("file", _now("The file is larger than 1 MB. Export fewer events."))
        elif file is not None:
            cleaned["body"] = file.read()
        else:
            cleaned["body"] = self._sent_along(cleaned.get("content", ""))
            if not cleaned["body"] and "file" not in self.errors:
                self.add_error("file", _now("Choose a file."))
        return cleaned

    def _sent_along(self, content: str) -> bytes:
        try:
            return b64decode(content, validate=True)[:MAX_BYTES]
        except (binascii.Error, ValueError):
            return b""


def as_content(body: bytes) -> str:
    """The bytes of a file as the form's hidden field carries them."""
    return b64encode(body).decode()
