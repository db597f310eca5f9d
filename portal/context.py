"""What the frame of every page needs to know. Nothing here is asked before a template asks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import get_language_bidi

from portal.queries import Door, doors_for


class Shell:
    """Lazy, because the help page must never reach the session or the database."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def theme(self) -> str:
        theme = self._request.COOKIES.get("theme", "")
        return theme if theme in ("light", "dark") else ""

    @property
    def direction(self) -> str:
        return "rtl" if get_language_bidi() else "ltr"

    @property
    def languages(self) -> list[tuple[str, Any]]:
        return settings.LANGUAGES

    @property
    def path(self) -> str:
        return self._request.path

    @cached_property
    def doors(self) -> list[Door]:
        """The consoles this person may open: staff, practice."""
        return doors_for(self._request.user)

    @cached_property
    def staff_entries(self) -> list[Door]:
        return [door for door in self.doors if door.group == "staff"]

    @cached_property
    def portals(self) -> list[Door]:
        """One link for each console, for the header."""
        seen: dict[str, Door] = {}
        for door in self.doors:
            seen.setdefault(door.group, door)
        return list(seen.values())


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"shell": Shell(request)}
