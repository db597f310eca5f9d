"""Two things at once about one host: exactly one outcome."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError
from django.db.models.query import QuerySet

from accounts.models import AuditEntry, User
from events.errors import AlreadyAsked, HostingClosed
from events.models import Event, Host
from events.services.events import publish_event
from events.services.hosts import accept_host, ask_host, decline_host, take_back_host
from notifications.models import Message
from tests.conftest import NOW, make_user
from tests.events.conftest import minutes
from tests.events.test_races import at_once
from tests.factories import EventFactory, OccurrenceFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def asked(event: Event) -> Host:
    staff, artist = UserFactory(), UserFactory()
    return ask_host(event=event, email=artist.email, level="host", by=staff, at=NOW)


def rush(host: Host) -> list[object]:
    """The person says yes, and no, while the coordinator takes it back."""
    person, by = User.objects.get(email=host.email), host.invited_by
    return at_once(
        [
            lambda: accept_host(host=host, person=person, name="A", is_shown=True, at=minutes(1)),
            lambda: take_back_host(host=host, by=by, at=minutes(1)),
            lambda: decline_host(host=host, person=person, at=minutes(1)),
        ]
    )


def test_a_yes_a_no_and_a_taking_back_at_once_have_one_outcome() -> None:
    for _ in range(4):
        host = asked(OccurrenceFactory().event)
        answers = rush(host)
        host.refresh_from_db()
        wrong = [one for one in answers if isinstance(one, Exception)]
        assert all(isinstance(one, HostingClosed) for one in wrong), wrong
        verbs = set(
            AuditEntry.objects.filter(target_id=str(host.event_id)).values_list("verb", flat=True)
        )
        told = Message.objects.filter(key__startswith=f"host:{host.reference}:host_ended")
        if host.status == "declined":
            assert "event.host_accepted" not in verbs
            assert "event.host_taken_back" not in verbs
        else:
            # Taken back: before the yes, which is then refused, or after it, and they are told.
            assert host.status == "removed"
            assert ("event.host_accepted" in verbs) == (host.accepted_at is not None)
            assert told.exists() == (host.accepted_at is not None)


def test_without_the_lock_only_the_database_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: it is the lock that gives everybody an answer in words."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda queryset, **_: queryset)
    failed = False
    for _ in range(20):
        answers = rush(asked(OccurrenceFactory().event))
        failed = failed or any(isinstance(one, IntegrityError) for one in answers)
        if failed:
            break
    assert failed


def test_one_address_asked_twice_at_once_has_one_invitation_and_one_mail() -> None:
    event, staff = OccurrenceFactory().event, UserFactory()
    answers = at_once(
        [
            lambda: ask_host(event=event, email="a@x.example", level="host", by=staff, at=NOW)
            for _ in range(4)
        ]
    )
    assert sum(isinstance(one, AlreadyAsked) for one in answers) == 3
    assert (Host.objects.count(), Message.objects.count()) == (1, 1)


def test_a_yes_during_the_publication_gets_its_dates_once() -> None:
    for number in range(4):
        event = EventFactory(status="draft", published_at=None)
        date = OccurrenceFactory(event=event)
        staff, artist = make_user(f"staff{number}"), make_user(f"artist{number}")
        host = ask_host(event=event, email=artist.email, level="host", by=staff, at=NOW)
        answers = at_once(
            [
                partial(publish_event, event=event, actor=staff, at=minutes(1)),
                partial(
                    accept_host, host=host, person=artist, name="A", is_shown=True, at=minutes(1)
                ),
            ]
        )
        assert not [one for one in answers if isinstance(one, Exception)]
        mails = Message.objects.filter(to=artist.email, key__contains="host_accepted")
        with_dates = [one for one in mails if one.attachments]
        assert len(with_dates) == 1, date
