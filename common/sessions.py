"""The sessions of the database, read by a query that is kept: every page of a person asks it."""

from __future__ import annotations

from datetime import datetime

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from common.prepared import Prepared


@Prepared
def _live(key: str, at: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=at)


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        session = _live.first(key=self.session_key, at=timezone.now())
        if session is None:
            self._session_key = None
        return session
