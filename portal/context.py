"""What the frame of every page needs to know. Nothing here is asked before a template asks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language_bidi

from portal.queries import Door, practice_doors, staff_doors


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
    def staff_doors(self) -> list[Door]:
        return staff_doors(self._request.user, at=timezone.now())

    @cached_property
    def practice_doors(self) -> list[Door]:
        return practice_doors(self._request.user)


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"shell": Shell(request)}
