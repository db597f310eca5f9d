"""What the books say for a quarter, before disclosure control. None of it may be shown as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q

from ambassadors.models import Programme
from events.models import CheckIn, Occurrence
from events.queries import SURVEY_OPEN, survey_counts
from reports.domain.disclosure import Figure, Shown, protect
from reports.domain.quarters import Quarter
from reports.domain.tables import Measure
from reports.models import PublishedReport

# How far back a first report may reach.
DRAFT_QUARTERS = 4
OPEN_TO_EVERYONE = ""


@dataclass(frozen=True)
class ReportRow:
    """One row of every table: a programme, or what is open to everyone (key "")."""

    key: str
    name: str
    time_zone: str


@dataclass(frozen=True)
class Draft:
    """A quarter that is not published; ``is_due`` when it may be."""

    quarter: Quarter
    is_due: bool


def drafts(*, at: datetime) -> list[Draft]:
    """Quarters with something in them that are not published, the newest first."""
    published = set(PublishedReport.objects.values_list("slug", flat=True))
    quarter = Quarter.of(at.date())
    found = []
    for _step in range(DRAFT_QUARTERS):
        if quarter.slug not in published and report_rows(quarter):
            found.append(Draft(quarter, at.date() >= quarter.publishable_on))
        quarter = quarter.previous
    return found


def report_rows(quarter: Quarter) -> list[ReportRow]:
    """Programmes with a term or an event in ``quarter``; last, what is open to everyone."""
    programmes = Programme.objects.filter(
        pk__in=Programme.objects.filter(
            terms__starts_on__lt=quarter.ends_on, terms__ends_on__gte=quarter.starts_on
        )
    ) | Programme.objects.filter(
        pk__in=Programme.objects.filter(
            events__occurrences__starts_on__gte=quarter.starts_on,
            events__occurrences__starts_on__lt=quarter.ends_on,
        )
    )
    rows = [ReportRow(row.slug, row.name, row.time_zone) for row in programmes.order_by("name")]
    start, end = quarter.bounds("UTC")
    if Occurrence.objects.filter(
        event__programme=None, starts_at__gte=start, starts_at__lt=end
    ).exists():
        rows.append(ReportRow(OPEN_TO_EVERYONE, "", "UTC"))
    return rows


def up_to(report: PublishedReport) -> list[PublishedReport]:
    """The published quarters until ``report``'s, eight at most, oldest first."""
    until = Q(year__lt=report.year) | Q(year=report.year, quarter__lte=report.quarter)
    return list(reversed(PublishedReport.objects.filter(until).newest_first()[:8]))


def trend(reports: Sequence[PublishedReport], measure: str) -> list[tuple[str, int | None]]:
    """``measure`` over all rows, as published in each of ``reports``."""
    return [(f"Q{one.quarter} {one.year}", _total(one, measure)) for one in reports]


def _total(report: PublishedReport, measure: str) -> int | None:
    for table in report.tables:
        if measure in table["measures"]:
            value: int | None = table["total"][table["measures"].index(measure)]
            return value
    return None


# All facts of a quarter in one statement: (measure, row, person, amount), summed by row, and over
# all rows with each person once. A row is a programme's slug, or '' for open to everyone.
_SUMS = """
    WITH cuts (row, programme_id, starts_at, ends_at) AS (
        -- the quarter as each programme's own zone cuts it
        SELECT slug, id,
               %(starts_on)s::timestamp AT TIME ZONE time_zone,
               %(ends_on)s::timestamp AT TIME ZONE time_zone
        FROM ambassadors_programme
        UNION ALL
        SELECT '', NULL,
               %(starts_on)s::timestamp AT TIME ZONE 'UTC',
               %(ends_on)s::timestamp AT TIME ZONE 'UTC'
    ),
    held AS (
        SELECT o.id, cuts.row
        FROM events_occurrence o
        JOIN events_event e ON e.id = o.event_id
        JOIN cuts ON cuts.programme_id IS NOT DISTINCT FROM e.programme_id
        WHERE o.starts_at >= cuts.starts_at AND o.starts_at < cuts.ends_at
          AND o.ends_at <= %(at)s
          AND o.cancelled_at IS NULL AND e.status <> 'draft'
          -- what was over before its event was cancelled has taken place
          AND (e.cancelled_at IS NULL OR o.ends_at <= e.cancelled_at)
    ),
    yeses AS (
        -- a person is their address, so that a guest who later opens an account is counted once
        SELECT r.id, held.row, r.status, lower(coalesce(u.email, r.guest_email)) AS person
        FROM events_rsvp r
        JOIN held ON held.id = r.occurrence_id
        LEFT JOIN accounts_user u ON u.id = r.user_id
    ),
    spells AS (
        SELECT e.user_id, t.programme_id, c.to_status, c.at AS begins_at,
               lead(c.at, 1, 'infinity') OVER (PARTITION BY e.id ORDER BY c.at, c.id) AS ends_at
        FROM ambassadors_enrolmentchange c
        JOIN ambassadors_enrolment e ON e.id = c.enrolment_id
        JOIN ambassadors_term t ON t.id = e.term_id
        WHERE t.starts_on < %(ends_on)s AND t.ends_on >= %(starts_on)s
    ),
    moves AS (
        -- what lots received and gave, less what was given back since
        SELECT cuts.row, lot.subject, cuts.row || s.year AS cohort, t.phase, t.code,
               t.amount - coalesce(back.amount, 0) AS amount
        FROM therapy_credits_transfer t
        JOIN therapy_credits_account lot
             ON lot.id IN (t.debit_id, t.credit_id) AND lot.kind = 'lot'
        JOIN therapy_credits_subject s ON s.token = lot.subject
        JOIN cuts ON cuts.programme_id = s.programme_id
             AND t.made_at >= cuts.starts_at AND t.made_at < cuts.ends_at
        LEFT JOIN therapy_credits_transfer back ON back.reverses_id = t.id
        WHERE t.code IN ('ALLOCATE', 'EXPIRE') OR t.phase IN ('pending', 'post')
    ),
    facts (measure, row, cohort, person, amount) AS (
        SELECT 'held', row, '', id::text, 1 FROM held
        UNION ALL
        SELECT 'said_yes', row, '', person, 1 FROM yeses WHERE status = 'going'
        UNION ALL
        SELECT 'came', row, '', person, c.people_count
        FROM yeses JOIN events_checkin c ON c.rsvp_id = yeses.id AND c.undone_at IS NULL
        UNION ALL
        -- active at any moment of the quarter, by the history of the enrolment
        SELECT 'enrolled', cuts.row, '', user_id::text, 1
        FROM spells JOIN cuts USING (programme_id)
        WHERE to_status = 'active'
          AND spells.begins_at < cuts.ends_at AND spells.ends_at > cuts.starts_at
        UNION ALL
        -- Someone in two programmes, or in two years of one, has two tokens that nothing here may
        -- join. So people are counted within each cohort (a programme and a year), and what
        -- holds for the largest cohort is taken for all: never more people than there are.
        SELECT CASE WHEN code = 'ALLOCATE' THEN 'allocated' WHEN code = 'EXPIRE' THEN 'expired'
                    WHEN phase = 'pending' THEN 'booked' ELSE 'used' END,
               row, cohort, subject::text, amount
        FROM moves WHERE amount > 0
    ),
    people AS (
        SELECT measure, row, cohort, person, sum(amount) AS amount
        FROM facts GROUP BY measure, row, cohort, person
        UNION ALL
        SELECT measure, NULL, cohort, person, sum(amount)
        FROM facts GROUP BY measure, cohort, person
    ),
    cohorts AS (
        SELECT measure, row, count(*) AS people, sum(amount) AS amount, max(amount) AS largest
        FROM people GROUP BY measure, row, cohort
    )
    SELECT measure, row, max(people), sum(amount)::bigint, sum(largest)::bigint
    FROM cohorts GROUP BY measure, row
"""


@dataclass(frozen=True)
class Sum:
    """People, amount, and the part of the amount that one person makes up at most."""

    people: int = 0
    amount: int = 0
    largest: int = 0


class Books:
    """A quarter's sums as they are. They leave this module only as figures to be protected."""

    def __init__(self, quarter: Quarter, *, at: datetime) -> None:
        facts = {"starts_on": quarter.starts_on, "ends_on": quarter.ends_on, "at": at}
        with connection.cursor() as cursor:
            cursor.execute(_SUMS, facts)
            self._sums: dict[tuple[str, str | None], Sum] = {
                (measure, row): Sum(*sums) for measure, row, *sums in cursor.fetchall()
            }

    def _figure(self, facts: str, row: str | None, population: str, kind: str) -> Figure:
        found = self._sums.get((facts, row), Sum())
        among = self._sums.get((population, row), Sum()).people
        if kind == "people":
            return Figure(found.people, found.people, min(found.people, 1), among)
        return Figure(found.people, found.amount, found.largest, among, kind == "care")

    def measure(self, rows: Sequence[ReportRow], facts: str, population: str, kind: str) -> Measure:
        return Measure(
            {row.key: self._figure(facts, row.key, population, kind) for row in rows},
            self._figure(facts, None, population, kind),
        )

    def events_held(self, rows: Sequence[ReportRow]) -> dict[str, int]:
        return {row.key: self._sums.get(("held", row.key), Sum()).people for row in rows}


# Measure → what is counted, among whom, and whether it counts people, units or care.
_MEASURES = {
    "people_attended": ("came", "said_yes", "people"),
    "attendances": ("came", "said_yes", "units"),
    "people_enrolled": ("enrolled", "enrolled", "people"),
    "units_allocated": ("allocated", "enrolled", "units"),
    "units_booked": ("booked", "enrolled", "care"),
    "units_used": ("used", "enrolled", "care"),
    "units_expired": ("expired", "enrolled", "care"),
}


def measures(books: Books, rows: Sequence[ReportRow]) -> Mapping[str, Measure]:
    """Every measure of the catalogue that is about people, by row and over all rows."""
    return {name: books.measure(rows, *how) for name, how in _MEASURES.items()}


@dataclass(frozen=True)
class SurveyResult:
    """One question of a survey as hosts may see it: rounded, or withheld."""

    question: str
    positive: Shown
    answered: Shown


def survey_results(occurrence: Occurrence, *, at: datetime) -> list[SurveyResult] | None:
    """How a date was for those who came; nothing before its survey is over.

    Shown once and for all when no answer can come any more, so that nobody learns one by looking
    before and after it. Each figure goes through the rules of disclosure; what asks about health
    is also hidden when nearly everybody said it. Needs the occurrence's event.
    """
    if at < occurrence.ends_at + SURVEY_OPEN:
        return None
    came = CheckIn.objects.standing().filter(rsvp__occurrence=occurrence).count()
    found = []
    for count in survey_counts(occurrence):
        is_care = count.question == "helped"
        said = Figure(
            people=count.positive,
            amount=count.positive,
            largest=1,
            population=count.answered,
            is_care=is_care,
        )
        answered = Figure(people=count.answered, amount=count.answered, largest=1, population=came)
        found.append(SurveyResult(count.question, protect(said), protect(answered)))
    return found
