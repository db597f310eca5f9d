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

from django.db import connection, transaction

from accounts.models import User
from accounts.services.access_log import record_look
from ambassadors.models import Enrolment, Programme
from common.sealing import seal, unseal
from common.tokens import digest
from therapy_credits.errors import TooManyGifts
from therapy_credits.models import Subject

SEALED_FOR = "therapy_credits.subject.person"
# A person finds the tokens of gifts by their own numbered digests. The numbers keep two gifts of
# one person from looking alike to a reader of the table.
MOST_GIFTS = 24


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


def stage(
    *, user_ids: Iterable[int], programme_id: int, year: int, make_at: datetime | None = None
) -> None:
    """Put the tokens of these people, in their order, into the table ``staged_subject``.

    The table (token, position) lives until the transaction ends, for statements
    that work on whole sets of people. With ``make_at``, people who have no
    subject in this programme-year are given one; without, they are left out.
    """
    people = list(user_ids)  # before COPY begins: the connection then takes no other query
    with connection.cursor() as cursor:
        cursor.execute(STAGE_PEOPLE)
        with cursor.copy("COPY staged_person (user_id, person_digest) FROM STDIN") as copy:
            for user_id in people:
                found_by = person_digest(user_id=user_id, programme_id=programme_id, year=year)
                copy.write_row((user_id, found_by))
        cursor.execute("ANALYZE staged_person")
        if make_at is not None:
            cursor.execute(WITHOUT_SUBJECT)
            while missing := cursor.fetchmany(BATCH):
                _make(missing, programme_id, year, make_at)
        cursor.execute(STAGE_SUBJECTS)


BATCH = 10_000

STAGE_PEOPLE = """
DROP TABLE IF EXISTS staged_person, staged_subject;
CREATE TEMPORARY TABLE staged_person (
    position integer GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    person_digest varchar(64) NOT NULL
) ON COMMIT DROP
"""

WITHOUT_SUBJECT = """
SELECT user_id, person_digest FROM staged_person AS person
 WHERE NOT EXISTS (
     SELECT 1 FROM therapy_credits_subject AS subject
      WHERE subject.person_digest = person.person_digest)
"""

STAGE_SUBJECTS = """
CREATE TEMPORARY TABLE staged_subject ON COMMIT DROP AS
SELECT subject.token, person.position
  FROM staged_person AS person
  JOIN therapy_credits_subject AS subject ON subject.person_digest = person.person_digest;
DROP TABLE staged_person;
ANALYZE staged_subject
"""


def _make(people: list[tuple[int, str]], programme_id: int, year: int, at: datetime) -> None:
    """One statement for thousands of people. Somebody who was given one meanwhile keeps it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO therapy_credits_subject
                   (token, programme_id, year, person_digest, person, made_at)
               SELECT gen_random_uuid(), %s, %s, digest, person, %s
                 FROM unnest(%s::text[], %s::text[]) AS new (digest, person)
               ON CONFLICT DO NOTHING""",
            [
                programme_id,
                year,
                at,
                [person_digest for _, person_digest in people],
                [seal(str(user_id), SEALED_FOR) for user_id, _ in people],
            ],
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
        Subject.objects.filter(person_digest__in=[*digests, *_gift_digests(user)])
        .order_by("pk")
        .values_list("token", flat=True)
    )


@transaction.atomic
def claim_token(*, user: User, token: UUID, programme_id: int, year: int, at: datetime) -> None:
    """From now on ``user`` is behind ``token``, which was made for a gift. Raises TooManyGifts."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two claims take two numbers
    digests = _gift_digests(user)
    taken = set(
        Subject.objects.filter(person_digest__in=digests).values_list("person_digest", flat=True)
    )
    free = next((one for one in digests if one not in taken), None)
    if free is None:
        raise TooManyGifts
    Subject.objects.create(
        token=token,
        programme_id=programme_id,
        year=year,
        person_digest=free,
        person=seal(str(user.pk), SEALED_FOR),
        made_at=at,
    )


def _gift_digests(user: User) -> list[str]:
    return [digest("therapy-credits-gift", f"{user.pk}|{number}") for number in range(MOST_GIFTS)]


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
