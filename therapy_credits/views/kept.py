"""What pages of care share: who asks, their age once, and what rests sealed in their session."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from accounts.models import User
from ambassadors.services.agreements import confirm_adult
from common.sealing import CannotOpen, seal, unseal


def person_of(request: HttpRequest) -> User:
    """Who is signed in, behind ``signed_in``."""
    assert isinstance(request.user, User)
    return request.user


def request_id_in(request: HttpRequest) -> UUID:
    """The id a form was made with: what it did when it was sent before can be found by it.

    The nil UUID, which nothing has, where there is none.
    """
    try:
        return UUID(request.POST.get("request_id", ""))
    except ValueError:
        return UUID(int=0)


def say_age(user: User, is_adult: bool, now: dt.datetime) -> bool:
    """Keep a yes, so that nobody asks again. A no is kept nowhere and told to nobody."""
    if is_adult:
        confirm_adult(user=user, at=now)
    return is_adult


def keep(request: HttpRequest, name: str, facts: dict[str, Any], now: dt.datetime) -> None:
    """Keep ``facts`` sealed in the session: unreadable in its table, gone with it."""
    text = json.dumps({**facts, "at": now.timestamp()})
    request.session[name] = seal(text, f"session.{name}")


def what_is_kept(
    request: HttpRequest, name: str, life: dt.timedelta, now: dt.datetime
) -> dict[str, Any] | None:
    """What was kept under ``name`` no longer than ``life`` ago."""
    sealed = request.session.get(name)
    if not sealed:
        return None
    try:
        kept: dict[str, Any] = json.loads(unseal(sealed, f"session.{name}"))
    except CannotOpen:
        return None
    return None if now.timestamp() - kept["at"] > life.total_seconds() else kept
