"""Nobody rewrites the logs unnoticed: not a row, not the end, not from behind."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pgtrigger
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connections, models, transaction
from django.db.models import F
from pytest_django import Settings

from accounts.models import AccessLook, AuditEntry, Seal, SealedLog, User
from accounts.services import seals
from accounts.services.access_log import record_look
from accounts.services.audit import record
from notifications.models import Purge
from portal.services.retention import forget_logs


@pytest.fixture(autouse=True)
def heads(settings: Settings, tmp_path: Path) -> Path:
    settings.AUDIT_HEADS = tmp_path / "elsewhere" / "heads.jsonl"
    return settings.AUDIT_HEADS


@pytest.fixture
def logs(care_coordinator: User, attendee: User, now: dt.datetime) -> None:
    """Both logs with rows in them, sealed twice."""
    for _ in range(2):
        for _ in range(3):
            record(care_coordinator, "person.rename", attendee, now, fields=["name"])
            record_look(care_coordinator, attendee, "bookings", now)
        seals.seal_all(at=now)


def all_breaks() -> list[str]:
    return [
        sentence
        for log in seals.SEALED
        for sentence in seals.check(log, older_than=dt.datetime(2020, 6, 3, tzinfo=dt.UTC))
    ]


def test_logs_that_nobody_touched_are_whole(logs: None) -> None:
    out = StringIO()
    call_command("check_audit", stdout=out)

    assert out.getvalue().startswith("audit: whole up to row ")
    assert "looks: whole up to row " in out.getvalue()
    assert Seal.objects.count() == 4


def test_sealing_again_with_nothing_new_adds_nothing(logs: None, now: dt.datetime) -> None:
    assert seals.seal_all(at=now) == []


def change_a_row() -> None:
    AuditEntry.objects.filter(verb="person.rename").update(verb="person.look")


def change_one_look() -> None:
    first = AccessLook.objects.order_by("pk").first()
    assert first is not None
    AccessLook.objects.filter(pk=first.pk).update(at=F("at") + dt.timedelta(seconds=1))


def delete_a_row() -> None:
    last = AccessLook.objects.order_by("pk").last()
    assert last is not None
    last.delete()


def slip_a_row_in() -> None:
    first = AuditEntry.objects.order_by("pk").first()
    assert first is not None
    first.pk -= 1
    first.save(force_insert=True)


def cut_off_the_end_and_its_seals() -> None:
    last = Seal.objects.filter(log=SealedLog.AUDIT).order_by("pk").last()
    assert last is not None
    before = Seal.objects.filter(log=SealedLog.AUDIT, pk__lt=last.pk).latest("pk")
    AuditEntry.objects.filter(pk__gt=before.last_id).delete()
    last.delete()


def start_all_over() -> None:
    Seal.objects.all().delete()
    AuditEntry.objects.filter(verb="person.rename").delete()
    seals.seal_all(at=dt.datetime(2026, 6, 3, 13, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    "tamper",
    [
        change_a_row,
        change_one_look,
        delete_a_row,
        slip_a_row_in,
        cut_off_the_end_and_its_seals,
        start_all_over,
    ],
)
def test_whoever_gets_round_the_triggers_is_still_found_out(
    tamper: Callable[[], None], logs: None
) -> None:
    assert all_breaks() == []
    with pgtrigger.ignore():
        tamper()

    assert all_breaks() != []
    with pytest.raises(CommandError):
        call_command("check_audit")


def test_without_the_file_elsewhere_a_cut_would_not_be_found(logs: None, heads: Path) -> None:
    """The control: it is the file off the database that finds the missing end."""
    with pgtrigger.ignore():
        cut_off_the_end_and_its_seals()
    assert all_breaks() != []
    heads.unlink()

    assert all_breaks() == []


def test_a_head_that_could_not_be_written_is_written_the_next_minute(
    logs: None, heads: Path, care_coordinator: User, attendee: User, now: dt.datetime
) -> None:
    lines = heads.read_text().splitlines()
    heads.write_text("\n".join(lines[:-1]) + "\n")

    seals.seal_all(at=now)

    assert sorted(heads.read_text().splitlines()) == sorted(lines)


def write_in_another_transaction(
    actor: User, at: dt.datetime
) -> tuple[threading.Thread, threading.Event, threading.Event]:
    """Somebody who takes an id now and commits when told to."""
    has_id, may_commit = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                record(actor, "slow.change", actor, at)
                has_id.set()
                may_commit.wait(timeout=20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert has_id.wait(timeout=20)
    return thread, has_id, may_commit


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_committed_late_is_not_left_out_of_the_chain(
    coordinator: User, now: dt.datetime
) -> None:
    thread, _has_id, may_commit = write_in_another_transaction(coordinator, now)
    record(coordinator, "quick.change", coordinator, now)
    assert seals.seal_all(at=now) == []  # it waits for the slow one, until the next minute

    may_commit.set()
    thread.join(timeout=20)
    seals.seal_all(at=now)

    assert all_breaks() == []
    assert sum(Seal.objects.values_list("rows", flat=True)) == AuditEntry.objects.count()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_late_row_would_break_the_chain(
    coordinator: User, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the test above is able to fail."""

    def highest(log: str) -> int | None:
        model, _fields = seals.SEALED[log]
        last = model._default_manager.order_by("pk").last()
        return last.pk if last else None

    monkeypatch.setattr(seals, "_highest_settled_id", highest)
    thread, _has_id, may_commit = write_in_another_transaction(coordinator, now)
    record(coordinator, "quick.change", coordinator, now)
    seals.seal_all(at=now)
    may_commit.set()
    thread.join(timeout=20)

    assert all_breaks() != []


LONG_AGO = dt.datetime(2019, 5, 1, 12, tzinfo=dt.UTC)


def test_what_is_six_years_old_goes_with_a_proof_and_the_rest_can_still_be_proved(
    outsider: User, attendee: User, now: dt.datetime
) -> None:
    for at in (LONG_AGO, LONG_AGO + dt.timedelta(days=90), now):
        record(outsider, "person.rename", attendee, at, fields=["name"])
        record_look(outsider, attendee, "bookings", at)
        seals.seal_all(at=at)

    assert forget_logs(at=LONG_AGO + dt.timedelta(days=2192)) == 0
    assert forget_logs(at=LONG_AGO + dt.timedelta(days=2193)) == 2
    assert forget_logs(at=LONG_AGO + dt.timedelta(days=2193)) == 0
    assert list(Purge.objects.order_by("pk").values_list("what", "rows")) == [
        ("logs", 0),
        ("logs", 2),
        ("logs", 0),
    ]
    assert AuditEntry.objects.count() == AccessLook.objects.count() == 2
    assert all_breaks() == []

    # Old rows behind a younger one that is there are missed all the same.
    with pgtrigger.ignore():
        AuditEntry.objects.filter(at=now).delete()
    assert all_breaks() != []


@pytest.mark.usefixtures("logs")
def test_nobody_lets_go_of_younger_rows_by_saying_they_were_sealed_long_ago(heads: Path) -> None:
    with pgtrigger.ignore():
        Seal.objects.update(sealed_at=LONG_AGO)
        AuditEntry.objects.all().delete()
    assert all_breaks() != []
    heads.unlink()
    assert all_breaks() == [], "the control: it is the file elsewhere that knows"


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize("log", [AuditEntry, AccessLook])
def test_the_database_keeps_what_is_not_six_years_old(log: type[models.Model]) -> None:
    with pytest.raises(ProgrammingError, match="Cannot delete"), transaction.atomic():
        log._default_manager.all().delete()


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"log": "other"}, "seal_log_is_known"),
        ({"rows": 0}, "seal_holds_rows"),
        ({"previous": ""}, "seal_chain_does_not_fork"),
    ],
)
def test_the_database_refuses_a_seal_that_makes_no_sense(
    logs: None, values: dict[str, object], constraint: str, now: dt.datetime
) -> None:
    seal = {
        "log": "audit",
        "last_id": 10**9,
        "rows": 1,
        "previous": "x",
        "digest": "y",
        "sealed_at": now,
    }
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Seal.objects.create(**{**seal, **values})


def test_sealing_is_on_the_schedule_each_minute(settings: Settings) -> None:
    from accounts.tasks import seal_audit

    schedule = settings.CELERY_BEAT_SCHEDULE["seal-audit"]
    assert schedule == {"task": seal_audit.name, "schedule": dt.timedelta(minutes=1)}
