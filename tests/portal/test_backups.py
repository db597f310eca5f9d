"""Two backups, and keys that change: what of care can be read from which."""

from __future__ import annotations

import datetime as dt
import shutil
from base64 import b64encode
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
import time_machine
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql
from pytest_django import Settings

from accounts.adapters import SecondFactorAdapter
from config.local.binaries import find_postgres
from events.models import Incident
from notifications.models import Message
from portal import gateway
from portal.services import backups, field_keys
from tests.conftest import NOW
from tests.factories import OccurrenceFactory
from tests.therapy_credits.care import CLIENT_NAME, book, make_client, make_desk
from therapy_credits.models import Booking, CareKey, Concern
from therapy_credits.queries.books import differences
from therapy_credits.services import doors
from therapy_credits.services.subjects import forget_tokens, own_tokens


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """An empty database beside ours, for as long as a test looks into it."""
    facts = connection.settings_dict
    ours, name = facts["NAME"], f"{facts['NAME']}_restored"
    server = psycopg.connect(
        host=facts["HOST"], port=facts["PORT"], user=facts["USER"], dbname="postgres"
    )
    server.autocommit = True
    with server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            connection.close()
            facts["NAME"] = ours
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            server.execute(drop.format(sql.Identifier(name)))


def told(command: str, *arguments: object, **options: object) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_what_was_erased_cannot_be_read_from_an_old_backup_after_a_month(
    elsewhere: str, tmp_path: Path, settings: Settings
) -> None:
    settings.PG_PROGRAMS = str(find_postgres())
    client = make_client()
    booking = book(client, make_desk())
    books = list(differences())
    main, keys = tmp_path / "main", tmp_path / "main-keys"
    with pytest.raises(CommandError, match=f"no backup at {main}"):
        told("restore", main)
    with time_machine.travel(NOW, tick=False):
        told("backup", main)
    (old,), (old_keys,) = main.iterdir(), keys.iterdir()
    assert {path.stat().st_mode & 0o77 for path in (old, old_keys)} == {0}, "for nobody else"
    stolen = shutil.copy(old_keys, tmp_path / "stolen.dump")
    forget_tokens(own_tokens(client.user))
    Message.objects.all().delete()
    with time_machine.travel(NOW + dt.timedelta(days=31), tick=False):
        assert f"deleted: {old_keys}" in told("backup", main, keys)
    (new_keys,) = keys.iterdir()
    assert backups.find(main, None) == (max(main.iterdir()), new_keys), "the newest of each"
    with pytest.raises(CommandError, match="not empty"):
        told("restore", main)

    connection.close()
    connection.settings_dict["NAME"] = elsewhere
    said = told("restore", old)
    assert f"{old}\n{new_keys}\n" in said
    assert "Of 1 bookings and calls nobody can read" in said
    again = Booking.objects.get(reference=booking.reference)
    assert (again.client_name, again.client_contact) == ("", "")
    assert again.status == booking.status, "the books are there"
    assert not CareKey.objects.exists()
    assert not Message.objects.exists(), "which says to whom it went"
    assert own_tokens(client.user) == []
    assert list(differences()) == books, "the same books"

    # The control: it is the key that was missing.
    gateway.restore_apart(Path(stolen))
    assert Booking.objects.get(pk=again.pk).client_name == CLIENT_NAME


@pytest.mark.django_db
def test_an_old_field_key_can_be_taken_out_after_everything_was_sealed_again(
    settings: Settings, coordinator: object
) -> None:
    old, new = (b64encode(byte * 32).decode() for byte in (b"o", b"n"))
    settings.FIELD_KEYS = [old]
    client = make_client()
    booking = book(client, make_desk())
    door = doors.set_door(user=client.user, pin=None, address="quiet@example.org", at=NOW)
    incident = Incident(
        occurrence=OccurrenceFactory(),
        kind="other",
        reported_by=coordinator,
        reported_at=NOW,
        due_at=NOW,
    )
    incident.words = "The lamp fell."
    incident.save()
    secret = SecondFactorAdapter().encrypt("JBSWY3DP")
    factor = client.user.authenticator_set.create(type="totp", data={"secret": secret})

    settings.FIELD_KEYS = [new]
    assert field_keys.rotate() == (0, 4), "without the old one nothing opens, and nothing changes"
    with pytest.raises(CommandError, match="opens 4 texts"):
        told("rotate_field_keys")
    settings.FIELD_KEYS = [new, old]
    assert "Sealed by the newest key: 4." in told("rotate_field_keys")

    settings.FIELD_KEYS = [new]
    assert Booking.objects.get(pk=booking.pk).client_name == CLIENT_NAME
    door.refresh_from_db()
    assert door.new_address == "quiet@example.org"
    incident.refresh_from_db()
    assert incident.words == "The lamp fell."
    factor.refresh_from_db()
    assert SecondFactorAdapter().decrypt(factor.data["secret"]) == "JBSWY3DP"


def test_every_sealed_column_is_sealed_again_or_under_a_key_of_its_own() -> None:
    """Whoever adds one decides which."""
    found = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name.startswith("sealed_") and field.name != "sealed_at"
    }
    rotated = {(model, field) for model, field, _purpose in field_keys.COLUMNS}
    under_keys = {
        one
        for one in found
        if any(base.__name__ in ("UnderKey", "CareDoor") for base in one[0].__mro__)
    }
    assert found == rotated | under_keys
    assert (Concern, "sealed_who") in rotated
    assert len(under_keys) == 8
