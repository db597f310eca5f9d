"""The audit trail and the access log take new rows and nothing else."""

import datetime as dt

import pytest
from django.db import ProgrammingError, connection, transaction

from accounts.models import AccessLook, AuditEntry, User
from accounts.services.access_log import record_look
from accounts.services.audit import record


def test_a_look_is_written_down_with_who_at_whom_and_what_for(
    care_coordinator: User, attendee: User, now: dt.datetime
) -> None:
    record_look(care_coordinator, attendee, "bookings", now, purpose="asked for help")

    look = AccessLook.objects.get()
    assert (look.actor, look.subject_user, look.what, look.purpose, look.at) == (
        care_coordinator,
        attendee,
        "bookings",
        "asked for help",
        now,
    )


def test_looking_at_oneself_is_not_a_look(attendee: User, now: dt.datetime) -> None:
    assert record_look(attendee, attendee, "bookings", now) is None
    assert not AccessLook.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET at = now()",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
    ],
)
@pytest.mark.parametrize("table", ["accounts_auditentry", "accounts_accesslook"])
def test_the_database_itself_refuses_to_rewrite_history(
    statement: str, table: str, care_coordinator: User, attendee: User, now: dt.datetime
) -> None:
    record_look(care_coordinator, attendee, "bookings", now)
    record(care_coordinator, "person.rename", attendee, now, fields=["name"])

    with (
        pytest.raises(ProgrammingError, match="Cannot"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {statement.format(table=table)}")

    assert AccessLook.objects.get().at == now
    assert AuditEntry.objects.filter(verb="person.rename").get().at == now


def test_the_trail_names_fields_and_never_holds_their_values(
    admin_user: User, attendee: User, now: dt.datetime
) -> None:
    entry = record(admin_user, "person.rename", attendee, now, fields=["name"])

    assert (entry.target_type, entry.target_id) == ("accounts.user", str(attendee.pk))
    assert entry.fields == ["name"]
    assert attendee.name not in str(entry.__dict__)
