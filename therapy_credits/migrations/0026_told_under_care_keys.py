"""What people told, and who is behind a token, under a key for each token.

The same cipher as in ``common.sealing``, written out here: AES-256-GCM, a nonce of 12 bytes before
the text, in URL-safe base64.
"""

import os
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import migrations

PERSON = "therapy_credits.subject.person"
# Model, field, what it was sealed for; each has the token in the field ``subject``.
TOLD = (
    ("Booking", "sealed_name", "booking.name"),
    ("Booking", "sealed_contact", "booking.contact"),
    ("FitCall", "sealed_name", "fit-call.name"),
    ("FitCall", "sealed_contact", "fit-call.contact"),
    ("Gift", "sealed_contact", "gift.contact"),
    ("CareCase", "sealed_need", "case.need"),
)
DOORS = (
    ("sealed_address", "care-door.address"),
    ("sealed_new_address", "care-door.new-address"),
)


def field_ciphers():
    return [AESGCM(b64decode(key)) for key in settings.FIELD_KEYS]


def close(cipher, content, purpose):
    nonce = os.urandom(12)
    return urlsafe_b64encode(nonce + cipher.encrypt(nonce, content, purpose.encode())).decode()


def open_with(ciphers, sealed, purpose):
    """What was sealed, or nothing where no key opens it: it was lost before."""
    raw = urlsafe_b64decode(sealed)
    for cipher in ciphers:
        try:
            return cipher.decrypt(raw[:12], raw[12:], purpose.encode())
        except InvalidTag:
            continue
    return None


class Keys:
    """The keys of tokens, made when they are asked for, and kept in the table."""

    def __init__(self, apps):
        self.table = apps.get_model("therapy_credits", "CareKey").objects
        self.fields = field_ciphers()

    def of(self, token):
        row = self.table.filter(token=token).first()
        purpose = f"therapy_credits.care-key.{token}"
        if row is not None:
            return AESGCM(open_with(self.fields, row.wrapped, purpose))
        key = os.urandom(32)
        self.table.create(token=token, wrapped=close(self.fields[0], key, purpose))
        return AESGCM(key)


def under_keys(apps, schema_editor):
    keys = Keys(apps)
    for subject in apps.get_model("therapy_credits", "Subject").objects.iterator():
        cipher = keys.of(subject.token)
        person = open_with(keys.fields, subject.person, PERSON)
        if person is not None:
            keys.table.filter(token=subject.token).update(
                person_digest=subject.person_digest, person=close(cipher, person, PERSON)
            )
    for model, field, purpose in TOLD:
        table = apps.get_model("therapy_credits", model).objects
        for pk, token, sealed in (
            table.exclude(**{field: ""}).values_list("pk", "subject", field).iterator()
        ):
            text = open_with(keys.fields, sealed, purpose)
            new = "" if text is None else close(keys.of(token), text, purpose)
            table.filter(pk=pk).update(**{field: new})
    for door in apps.get_model("therapy_credits", "CareDoor").objects.iterator():
        door.key = uuid4()
        for field, purpose in DOORS:
            sealed = getattr(door, field)
            text = open_with(keys.fields, sealed, purpose) if sealed else None
            setattr(door, field, "" if text is None else close(keys.of(door.key), text, purpose))
        door.save()


def under_field_keys(apps, schema_editor):
    """Back. What was forgotten meanwhile stays forgotten: its subject is of nobody."""
    keys = Keys(apps)
    newest = keys.fields[0]

    def back(token, sealed, purpose):
        if not sealed or not keys.table.filter(token=token).exists():
            return ""
        text = open_with([keys.of(token)], sealed, purpose)
        return "" if text is None else close(newest, text, purpose)

    for subject in apps.get_model("therapy_credits", "Subject").objects.iterator():
        row = keys.table.filter(token=subject.token).first()
        subject.person_digest = (row and row.person_digest) or f"forgotten {subject.token}"
        subject.person = back(subject.token, row.person if row else "", PERSON)
        subject.save()
    for model, field, purpose in TOLD:
        table = apps.get_model("therapy_credits", model).objects
        for pk, token, sealed in table.exclude(**{field: ""}).values_list("pk", "subject", field):
            table.filter(pk=pk).update(**{field: back(token, sealed, purpose)})
    for door in apps.get_model("therapy_credits", "CareDoor").objects.iterator():
        for field, purpose in DOORS:
            setattr(door, field, back(door.key, getattr(door, field), purpose))
        door.save()


class Migration(migrations.Migration):

    dependencies = [
        ("therapy_credits", "0025_care_keys"),
    ]

    operations = [
        migrations.RunPython(under_keys, under_field_keys),
    ]
