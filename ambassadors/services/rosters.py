"""A roster file, from upload to invitations, in chunks that may be interrupted anywhere.

Reading copies rows into the database and compares them there; importing turns the new ones
into invitations. Each chunk is one transaction that also says how far it came, so a worker
that dies loses one chunk at most, and whoever continues does nothing twice. Nothing is ever
deleted or removed because a file does not have it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO, Any

from django.db import connection, transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.services import audit
from ambassadors.domain import rosters as files
from ambassadors.domain.addresses import MixedAlphabets, NotAnAddress, normal_address
from ambassadors.domain.names import country_code, language_code, name_key
from ambassadors.errors import AlreadyImporting, RosterUnreadable, TermOver
from ambassadors.models import RosterImport, RosterProblem, RosterResult, RosterRow, Term
from ambassadors.queries import places_left
from common.hints import hint
from common.text import is_showable
from notifications.models import Purge

IMPORT_CHUNK = 2_000
# How long rows (addresses of people who may never have answered) are kept afterwards.
KEEP = timedelta(days=30)

_State = RosterImport.State


@transaction.atomic
def upload_roster(
    *, term: Term, by: User | None, file_name: str, file: IO[bytes], at: datetime
) -> RosterImport:
    """Keep a file for ``term`` and guess its columns. The same file again is the same import."""
    if term.is_over(at=at):
        raise TermOver
    try:
        layout = files.look_at(file)
        roster, created = RosterImport.objects.exclude(state=_State.DONE).get_or_create(
            term=term,
            file_digest=layout.digest,
            defaults={
                "uploaded_by": by,
                "uploaded_at": at,
                "file_name": file_name[:200],
                "header": list(layout.header),
                "columns": files.guess_columns(layout.header),
                "touched_at": at,
            },
        )
        if created:
            _keep_parts(roster, files.read(file, layout))
            audit.record(by, "roster.upload", roster, at)
    except files.Unreadable as error:
        raise RosterUnreadable(words_for(error)) from error
    return roster


def _keep_parts(roster: RosterImport, parts: Iterator[list[files.Row]]) -> None:
    """Put the rows away part by part, so that no more than one is ever held."""
    for part in parts:
        roster.parts.create(rows_before=roster.rows_total, rows=json.dumps(part).encode())
        roster.rows_total += len(part)
    if not roster.rows_total:
        raise files.Unreadable("nobody")
    roster.save(update_fields=["rows_total"])


@transaction.atomic
def start_reading(
    *, roster: RosterImport, columns: dict[str, int], allow_same_names: bool, at: datetime
) -> RosterImport:
    """Read (again) with these columns; changes nothing but the import's own rows."""
    row = _locked(roster)
    if row.state not in (_State.UPLOADED, _State.READING, _State.READ):
        raise AlreadyImporting
    row.rows.all().delete()
    row.columns, row.allow_same_names = columns, allow_same_names
    row.state, row.rows_done, row.counts, row.touched_at = _State.READING, 0, {}, at
    row.save(
        update_fields=[
            "columns",
            "allow_same_names",
            "state",
            "rows_done",
            "counts",
            "touched_at",
        ]
    )
    hint("roster-waiting")
    return row


@transaction.atomic
def start_importing(*, roster: RosterImport, by: User | None, at: datetime) -> RosterImport:
    """What the comparison showed may be done. A second time changes nothing."""
    row = _locked(roster)
    if row.state in (_State.IMPORTING, _State.DONE):
        return row
    if row.state != _State.READ:
        raise AlreadyImporting
    if row.term.is_over(at=at):
        raise TermOver
    nothing_to_do = [RosterResult.SAME, RosterResult.PROBLEM]
    row.rows_done = row.rows.filter(result__in=nothing_to_do).update(is_done=True)
    row.state, row.touched_at = _State.IMPORTING, at
    row.save(update_fields=["rows_done", "state", "touched_at"])
    row.parts.all().delete()  # nothing is read of the file any more
    audit.record(by, "roster.import", row, at)
    hint("roster-waiting")
    return row


@transaction.atomic
def continue_roster(*, roster: RosterImport, at: datetime) -> bool:
    """Do the next chunk of reading or importing. Whether there is more to do.

    While somebody else is at it, there is nothing to do here.
    """
    row = (
        RosterImport.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("term__programme")
        .filter(pk=roster.pk, state__in=[_State.READING, _State.IMPORTING])
        .first()
    )
    if row is None:
        return False
    row.touched_at = at
    if row.state == _State.READING:
        _read_part(row)
    else:
        _import_chunk(row, at=at)
    row.save(
        update_fields=[
            "state",
            "counts",
            "rows_done",
            "touched_at",
            "finished_at",
        ]
    )
    return row.state in (_State.READING, _State.IMPORTING)


@transaction.atomic
def discard_roster(*, roster: RosterImport) -> None:
    """Forget a file that was not imported."""
    row = _locked(roster)
    if row.state in (_State.IMPORTING, _State.DONE):
        raise AlreadyImporting
    row.delete()


@transaction.atomic
def forget_rosters(*, at: datetime) -> Purge:
    """Delete the rows of imports that nobody touched for 30 days; their counts stay."""
    older_than = at - KEEP
    old = RosterImport.objects.filter(touched_at__lt=older_than)
    rows, _counts = RosterRow.objects.filter(roster__in=old).delete()
    old.exclude(state=_State.DONE).delete()
    return Purge.objects.create(at=at, what="roster rows", older_than=older_than, rows=rows)


def words_for(error: files.Unreadable) -> str:
    """What to do about a file that cannot be a roster."""
    match error.kind:
        case "empty":
            return _("The file is empty. Choose the file that has the people in it.")
        case "large":
            return _("The file is larger than 20 MB. Split it into several files.")
        case "workbook":
            return _(
                "This is a workbook, not a CSV file. In your spreadsheet choose"
                " “Save as” or “Download”, then “CSV UTF-8”, and upload that file."
            )
        case "encoding":
            return _("The file has broken letters. Save it again as “CSV UTF-8”.")
        case "header":
            return _("The first row must name the columns, for example: email, stage name.")
        case "nobody":
            return _("The file has a first row and nothing below it. Add the people.")
        case "long":
            return _(
                "Row %(row)d is longer than 100,000 characters. A quotation mark in it or before"
                " it may not be closed."
            ) % {"row": error.row}
        case _:
            return _(
                "A quotation mark in or before row %(row)d is not closed. Close it, or save the"
                " file again from a spreadsheet."
            ) % {"row": error.row}


def _locked(roster: RosterImport) -> RosterImport:
    return (
        RosterImport.objects.select_for_update(of=("self",))
        .select_related("term__programme")
        .get(pk=roster.pk)
    )


def _read_part(roster: RosterImport) -> None:
    part = json.loads(bytes(roster.parts.get(rows_before=roster.rows_done).rows))
    _copy(roster, (_checked(roster, number, cells) for number, cells in part))
    roster.rows_done += len(part)
    if roster.rows_done == roster.rows_total:
        _compare(roster)
        roster.state, roster.counts = _State.READ, count_results(roster)


def sample_rows(roster: RosterImport, count: int) -> list[files.Row]:
    """The first rows of the file, as they were written."""
    first = roster.parts.filter(rows_before=0).first()
    return [] if first is None else json.loads(bytes(first.rows))[:count]


def _checked(roster: RosterImport, number: int, cells: list[str]) -> tuple[Any, ...]:
    """A row as it is kept: what it says where that is right, and the first thing wrong."""

    def cell(field: str) -> str:
        column = roster.columns.get(field)
        return cells[column] if column is not None and column < len(cells) else ""

    problem = ""
    email, name, language, market = (cell(field) for field in files.FIELDS)
    if any(cells[len(roster.header) :]):
        problem = RosterProblem.COLUMNS
    elif not email:
        problem = RosterProblem.EMAIL_MISSING
    else:
        try:
            email = normal_address(email)
        except MixedAlphabets:
            problem = RosterProblem.EMAIL_ALPHABETS
        except NotAnAddress:
            problem = RosterProblem.EMAIL_WRONG
    country, code = country_code(market) if market else "", language_code(language)
    if problem:
        pass
    elif len(name) > 120:
        problem = RosterProblem.NAME_LONG
    elif not is_showable(name):
        problem = RosterProblem.NAME_LETTERS
    elif language and code is None:
        problem = RosterProblem.LANGUAGE_UNKNOWN
    elif country is None:
        problem = RosterProblem.MARKET_UNKNOWN
    elif country and roster.term.market and country != roster.term.market:
        problem = RosterProblem.MARKET_OTHER
    result = RosterResult.PROBLEM if problem else RosterResult.NEW
    texts = email[:254], name[:200], name_key(name)[:200], (code or language)[:40], market[:80]
    clean = (text.replace("\x00", "�") for text in texts)
    is_known = bool(country) and country == roster.term.market
    return (roster.pk, number, *clean, is_known, str(result), str(problem), False)


def _copy(roster: RosterImport, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)


_COPY = """
    COPY ambassadors_rosterrow
        (roster_id, number, email, name, name_key, language, country, is_country_known,
         result, problem, is_done)
    FROM STDIN
"""

# What the database knows that the file does not. Each step looks only at rows that are still
# to be invited, in the order in which a person would want to hear of them.
_COMPARISONS = (
    # The same address in an earlier row.
    """
    UPDATE ambassadors_rosterrow r SET result = 'problem', problem = 'email_twice'
    FROM (SELECT id, row_number() OVER (PARTITION BY email ORDER BY number) AS nth
          FROM ambassadors_rosterrow WHERE roster_id = %(roster)s AND result = 'new') AS t
    WHERE t.id = r.id AND t.nth > 1
    """,
    # In the term already, by whatever way.
    """
    UPDATE ambassadors_rosterrow r
    SET result = CASE WHEN e.status = 'removed' THEN 'problem' ELSE 'same' END,
        problem = CASE WHEN e.status = 'removed' THEN 'left' ELSE '' END
    FROM ambassadors_enrolment e JOIN accounts_user u ON u.id = e.user_id
    WHERE r.roster_id = %(roster)s AND r.result = 'new'
      AND e.term_id = %(term)s AND u.email = r.email
    """,
    # Invited already; what the file says about them may be newer, what it leaves out is not.
    """
    UPDATE ambassadors_rosterrow r
    SET invitation_id = i.id,
        result = CASE WHEN i.accepted_at IS NULL
                       AND ((r.name <> '' AND r.name <> i.name)
                            OR (r.language <> '' AND r.language <> i.language))
                 THEN 'changed' ELSE 'same' END
    FROM ambassadors_invitation i
    WHERE r.roster_id = %(roster)s AND r.result = 'new'
      AND i.term_id = %(term)s AND i.email = r.email
      AND i.revoked_at IS NULL AND i.declined_at IS NULL
    """,
    """
    UPDATE ambassadors_rosterrow r SET result = 'problem', problem = 'declined'
    FROM ambassadors_invitation i
    WHERE r.roster_id = %(roster)s AND r.result = 'new'
      AND i.term_id = %(term)s AND i.email = r.email AND i.declined_at IS NOT NULL
    """,
)
_SAME_NAMES = (
    """
    UPDATE ambassadors_rosterrow r SET result = 'problem', problem = 'name_twice'
    FROM (SELECT id, row_number() OVER (PARTITION BY name_key ORDER BY number) AS nth
          FROM ambassadors_rosterrow
          WHERE roster_id = %(roster)s AND result = 'new' AND name_key <> '') AS t
    WHERE t.id = r.id AND t.nth > 1
    """,
    """
    UPDATE ambassadors_rosterrow r SET result = 'problem', problem = 'name_twice'
    FROM ambassadors_invitation i
    WHERE r.roster_id = %(roster)s AND r.result = 'new' AND r.name_key <> ''
      AND i.term_id = %(term)s AND i.name_key = r.name_key AND i.email <> r.email
      AND i.revoked_at IS NULL AND i.declined_at IS NULL
    """,
    # Whoever came in another way has no invitation; their name is compared as name_key() does.
    r"""
    UPDATE ambassadors_rosterrow r SET result = 'problem', problem = 'name_twice'
    FROM ambassadors_enrolment e JOIN accounts_user u ON u.id = e.user_id
    WHERE r.roster_id = %(roster)s AND r.result = 'new' AND r.name_key <> ''
      AND e.term_id = %(term)s AND e.status <> 'removed' AND u.email <> r.email
      AND lower(btrim(regexp_replace(normalize(u.name, NFKC), '\s+', ' ', 'g'))) = r.name_key
    """,
)
_NO_PLACE = """
    UPDATE ambassadors_rosterrow r SET result = 'problem', problem = 'no_place'
    FROM (SELECT id, row_number() OVER (ORDER BY number) AS nth
          FROM ambassadors_rosterrow WHERE roster_id = %(roster)s AND result = 'new') AS t
    WHERE t.id = r.id AND t.nth > %(places)s
"""


def _compare(roster: RosterImport) -> None:
    values = {"roster": roster.pk, "term": roster.term_id}
    with connection.cursor() as cursor:
        # Fresh rows have no statistics; without them a plan for 50,000 can be a nested loop.
        cursor.execute("ANALYZE ambassadors_rosterrow")
        for statement in _COMPARISONS:
            cursor.execute(statement, values)
        if not roster.allow_same_names:
            for statement in _SAME_NAMES:
                cursor.execute(statement, values)
        places = places_left(roster.term)
        if places is not None:
            cursor.execute(_NO_PLACE, {**values, "places": places})


def count_results(roster: RosterImport) -> dict[str, int]:
    counted = roster.rows.order_by().values_list("result").annotate(rows=Count("pk"))
    return {**dict.fromkeys(RosterResult.values, 0), **dict(counted)}


_INVITE = """
    WITH picked AS (
        SELECT id, email, name, name_key, language, is_country_known
        FROM ambassadors_rosterrow
        WHERE roster_id = %(roster)s AND result = 'new' AND NOT is_done
        ORDER BY number LIMIT %(limit)s
    ), made AS (
        INSERT INTO ambassadors_invitation
            (term_id, email, name, name_key, language, is_country_known, invited_by_id,
             invited_at, sent_count, accepted_key)
        SELECT %(term)s, email, name, name_key, language, is_country_known, %(by)s,
               %(at)s, 0, ''
        FROM picked
        ON CONFLICT (term_id, email) WHERE revoked_at IS NULL AND declined_at IS NULL
            DO NOTHING
        RETURNING id, email
    )
    UPDATE ambassadors_rosterrow r
    SET is_done = true, invitation_id = made.id,
        result = CASE WHEN made.id IS NULL THEN 'same' ELSE 'new' END
    FROM picked LEFT JOIN made USING (email)
    WHERE r.id = picked.id
"""
_CORRECT = """
    WITH picked AS (
        SELECT id, invitation_id, name, name_key, language FROM ambassadors_rosterrow
        WHERE roster_id = %(roster)s AND result = 'changed' AND NOT is_done
        ORDER BY number LIMIT %(limit)s
    ), corrected AS (
        UPDATE ambassadors_invitation i
        SET name = CASE WHEN picked.name = '' THEN i.name ELSE picked.name END,
            name_key = CASE WHEN picked.name = '' THEN i.name_key ELSE picked.name_key END,
            language = CASE WHEN picked.language = '' THEN i.language ELSE picked.language END
        FROM picked
        WHERE i.id = picked.invitation_id AND i.accepted_at IS NULL
          AND i.revoked_at IS NULL AND i.declined_at IS NULL
    )
    UPDATE ambassadors_rosterrow r SET is_done = true FROM picked WHERE r.id = picked.id
"""


def _import_chunk(roster: RosterImport, *, at: datetime) -> None:
    # The term's row is the lock for its places, as where one person is invited.
    term = Term.objects.select_for_update().get(pk=roster.term_id)
    places = places_left(term)
    limit = IMPORT_CHUNK if places is None else min(IMPORT_CHUNK, places)
    values = {
        "roster": roster.pk,
        "term": roster.term_id,
        "by": roster.uploaded_by_id,
        "at": at,
        "limit": limit,
    }
    undone = roster.rows.filter(is_done=False)
    with connection.cursor() as cursor:
        cursor.execute(_INVITE, values)
        done = cursor.rowcount
        if limit == 0:
            done += undone.filter(result=RosterResult.NEW).update(
                result=RosterResult.PROBLEM, problem=RosterProblem.NO_PLACE, is_done=True
            )
        if done == 0:
            cursor.execute(_CORRECT, {**values, "limit": IMPORT_CHUNK})
            done = cursor.rowcount
    roster.rows_done += done
    if done == 0:
        roster.state, roster.finished_at = _State.DONE, at
        roster.counts = count_results(roster)
        hint("invitations-waiting")
