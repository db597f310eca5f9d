"""Who is behind a token. Only this file reads the table that knows.

The ledger, bookings, pages of practices and reports know tokens. What turns a
token into a person goes through ``person_behind``, which writes down who
looked, in the same transaction, where the person can see it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import User
from accounts.services.access_log import record_look
from ambassadors.models import Enrolment, Programme
from common.sealing import seal, unseal
from common.tokens import digest
from therapy_credits.models import Subject

SEALED_FOR = "therapy_credits.subject.person"


def person_digest(*, user_id: int, programme_id: int, year: int) -> str:
    """By what a programme-year of a person is found, by those who hold the key."""
    return digest("therapy-credits-subject", f"{user_id}|{programme_id}|{year}")


def subject_for(*, user: User, programme: Programme, year: int, at: datetime) -> Subject:
    """The person's subject in this programme-year, made when there is none."""
    subject, _ = Subject.objects.get_or_create(
        person_digest=person_digest(user_id=user.pk, programme_id=programme.pk, year=year),
        defaults={
            "programme": programme,
            "year": year,
            "person": seal(str(user.pk), SEALED_FOR),
            "made_at": at,
        },
    )
    return subject


def make_subjects(*, user_ids: Iterable[int], programme_id: int, year: int, at: datetime) -> None:
    """Make the subjects these people lack in this programme-year, in one statement."""
    Subject.objects.bulk_create(
        [
            Subject(
                programme_id=programme_id,
                year=year,
                person_digest=person_digest(user_id=user_id, programme_id=programme_id, year=year),
                person=seal(str(user_id), SEALED_FOR),
                made_at=at,
            )
            for user_id in user_ids
        ],
        ignore_conflicts=True,
    )


def own_tokens(user: User) -> list[UUID]:
    """Every token of the person who is asking. Nobody else's page may call this."""
    years = (
        Enrolment.objects.filter(user=user)
        .values_list("term__programme_id", "term__starts_on__year")
        .distinct()
    )
    digests = [
        person_digest(user_id=user.pk, programme_id=programme_id, year=year)
        for programme_id, year in years
    ]
    return list(
        Subject.objects.filter(person_digest__in=digests)
        .order_by("pk")
        .values_list("token", flat=True)
    )


@transaction.atomic
def person_behind(token: UUID, *, actor: User, what: str, at: datetime, purpose: str = "") -> User:
    """The person, for ``actor`` to see. They will see that ``actor`` looked, at ``what``.

    Raises Subject.DoesNotExist for a token of nobody.
    """
    person = _open(token)
    record_look(actor, person, what, at, purpose)
    return person


def person_to_reach(token: UUID) -> User:
    """The person, for a message or a reminder that the system itself sends to them.

    No human sees the answer, so nothing is written down. Never call it for a page.
    """
    return _open(token)


def actor_token(user: User) -> UUID:
    """By what the books remember who did something: a keyed digest, never a name or an id."""
    return UUID(bytes=hashlib.sha256(digest("ledger-actor", str(user.pk)).encode()).digest()[:16])


def _open(token: UUID) -> User:
    sealed = Subject.objects.values_list("person", flat=True).get(token=token)
    return User.objects.get(pk=int(unseal(sealed, SEALED_FOR)))
