"""Who is behind a token. Only this file reads the table that knows.

The ledger, bookings, pages of practices and reports know tokens. What turns a
token into a person goes through ``person_behind``, which writes down who
looked, in the same transaction, where the person can see it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid4

from django.db import connection, transaction

from accounts.models import User
from accounts.services.access_log import record_look
from ambassadors.models import Enrolment, Programme
from common.sealing import new_key, seal_under
from common.tokens import digest
from therapy_credits.errors import TooManyGifts
from therapy_credits.models import CareKey, Subject
from therapy_credits.models.subjects import purpose_of

SEALED_FOR = "therapy_credits.subject.person"
# A person finds the tokens of gifts by their own numbered digests. The numbers keep two gifts of
# one person from looking alike to a reader of the table.
MOST_GIFTS = 24


def person_digest(*, user_id: int, programme_id: int, year: int) -> str:
    """By what a programme-year of a person is found, by those who hold the key."""
    return digest("therapy-credits-subject", f"{user_id}|{programme_id}|{year}")


@transaction.atomic
def subject_for(*, user: User, programme: Programme, year: int, at: datetime) -> Subject:
    """The person's subject in this programme-year, made when there is none."""
    found_by = person_digest(user_id=user.pk, programme_id=programme.pk, year=year)
    _make([(user.pk, found_by)], programme.pk, year, at)
    return Subject.objects.get(token=CareKey.objects.get(person_digest=found_by).token)


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


def stage_tokens(tokens: Iterable[UUID]) -> None:
    """The same for tokens that are known."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_subject")
        cursor.execute(STAGE_TOKENS, [list(tokens)])


STAGE_TOKENS = """
CREATE TEMPORARY TABLE staged_subject ON COMMIT DROP AS
SELECT token, position FROM unnest(%s::uuid[]) WITH ORDINALITY AS own (token, position)
"""

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
     SELECT 1 FROM therapy_credits_carekey AS key
      WHERE key.person_digest = person.person_digest)
"""

STAGE_SUBJECTS = """
CREATE TEMPORARY TABLE staged_subject ON COMMIT DROP AS
SELECT key.token, person.position
  FROM staged_person AS person
  JOIN therapy_credits_carekey AS key ON key.person_digest = person.person_digest;
DROP TABLE staged_person;
ANALYZE staged_subject
"""


# Somebody who was given one meanwhile keeps it: then there is no key, and so no subject either.
MAKE = """
WITH made AS (
    INSERT INTO therapy_credits_carekey (token, person_digest, person, wrapped)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[])
    ON CONFLICT DO NOTHING
    RETURNING token
)
INSERT INTO therapy_credits_subject (token, programme_id, year, made_at)
SELECT token, %s, %s, %s FROM made
"""


def _make(people: list[tuple[int, str]], programme_id: int, year: int, at: datetime) -> None:
    """One statement for thousands of people."""
    rows = [_new_row(uuid4(), user_id, found_by) for user_id, found_by in people]
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(MAKE, [*columns, programme_id, year, at])


def _new_row(token: UUID, user_id: int, found_by: str) -> tuple[UUID, str, str, str]:
    """The columns of a ``CareKey``: as values, since they are made by the hundred thousand."""
    key, wrapped = new_key(purpose_of(token))
    return token, found_by, seal_under(key, str(user_id), SEALED_FOR), wrapped


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
        CareKey.objects.filter(person_digest__in=[*digests, *_gift_digests(user)])
        .order_by("pk")
        .values_list("token", flat=True)
    )


@transaction.atomic
def claim_token(*, user: User, token: UUID, programme_id: int, year: int, at: datetime) -> None:
    """From now on ``user`` is behind ``token``, which was made for a gift. Raises TooManyGifts."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two claims take two numbers
    digests = _gift_digests(user)
    taken = set(
        CareKey.objects.filter(person_digest__in=digests).values_list("person_digest", flat=True)
    )
    free = next((one for one in digests if one not in taken), None)
    if free is None:
        raise TooManyGifts
    forget_tokens([token])  # the key under which rested where it was sent
    names = ("token", "person_digest", "person", "wrapped")
    CareKey.objects.create(**dict(zip(names, _new_row(token, user.pk, free), strict=True)))
    Subject.objects.create(token=token, programme_id=programme_id, year=year, made_at=at)


def key_of(token: UUID) -> CareKey:
    """The key of a token that has somebody behind it: for what they tell under it."""
    return CareKey.objects.get(token=token)


def forget_tokens(tokens: Iterable[UUID]) -> int:
    """Nobody is behind these tokens any more, and what was told under them cannot be read again,
    here or in any copy. How many there were."""
    return CareKey.objects.filter(token__in=list(tokens)).delete()[0]


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


def person_to_reach(token: UUID) -> User | None:
    """The person, for a message or a reminder that the system itself sends to them; nobody for a
    token that is nobody's any more.

    No human sees the answer, so nothing is written down. Never call it for a page.
    """
    try:
        return _open(token)
    except Subject.DoesNotExist:
        return None


def actor_token(user: User) -> UUID:
    """By what the books remember who did something: a keyed digest, never a name or an id."""
    return UUID(bytes=hashlib.sha256(digest("ledger-actor", str(user.pk)).encode()).digest()[:16])


def _open(token: UUID) -> User:
    key = CareKey.objects.exclude(person="").filter(token=token).first()
    if key is None:
        raise Subject.DoesNotExist
    return User.objects.get(pk=int(key.unseal(key.person, SEALED_FOR)))
