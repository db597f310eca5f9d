"""Reads of events that are too big for a queryset method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Lower, NullIf, TruncQuarter
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import ApiKey, Role, User
from accounts.rules import has_role
from ambassadors.models import Enrolment
from ambassadors.queries import cards_shown
from calendars.domain.calendar import StoredEvent
from calendars.domain.vevent import (
    CalendarEvent,
    Invitation,
    PartStat,
    Status,
    render_again,
    render_vevent,
)
from common import tokens
from common.needs import NeedsYou
from common.prepared import Prepared
from common.reply_addresses import reply_address
from events.domain.names import others_named
from events.domain.repeating import Repeating, render_repeating
from events.models import (
    Answer,
    CheckIn,
    Event,
    Format,
    Host,
    Mailing,
    Note,
    Occurrence,
    Payment,
    PriceKind,
    Question,
    ReminderHours,
    Rsvp,
    Seats,
    Series,
    SeriesAnswer,
    SeriesRsvp,
    SurveyAnswer,
    SurveyKind,
    Visibility,
)
from events.rules import Ahead
from payments.models import Charge, Refund

# How long a guest has to open the link in their mail.
CONFIRM_WITHIN = timedelta(hours=24)
# How long after the date the link of an RSVP still shows it.
LINK_OUTLIVES_DATE = timedelta(days=30)
# How long after a date it can be said how it was, and when the results are shown: together.
SURVEY_OPEN = timedelta(days=7)
# When people are asked, so that nobody answers on the way out.
SURVEY_AFTER = timedelta(hours=2)


def page_url(occurrence: Occurrence) -> str:
    """The public address of one date, which holds no secret."""
    return f"{settings.BASE_URL}{occurrence.page_path}"


def place_line(occurrence: Occurrence) -> str:
    """Where it is, in one line; an online event says so and never how to get in."""
    event = occurrence.event
    if event.has_place and occurrence.other_place:
        return occurrence.other_place
    parts = [event.place_name, event.address] if event.has_place else [_("Online")]
    return ", ".join(part for part in parts if part)


def public_entry(occurrence: Occurrence) -> CalendarEvent:
    """The date as everybody's calendar shows it."""
    event = occurrence.event
    return CalendarEvent(
        uid=occurrence.uid,
        sequence=occurrence.sequence,
        revised_at=occurrence.revised_at,
        starts_at=occurrence.starts_at,
        ends_at=occurrence.ends_at,
        time_zone=event.time_zone,
        summary=event.title,
        description="\n\n".join(part for part in (event.summary, occurrence.note) if part),
        location=place_line(occurrence),
        url=page_url(occurrence),
        status="CANCELLED" if occurrence.is_cancelled else "CONFIRMED",
        transparent=occurrence.is_cancelled,
    )


_CALENDAR_STATUS: dict[str, tuple[Status, bool]] = {
    Rsvp.Status.WAITLISTED: ("TENTATIVE", True),
    Rsvp.Status.MAYBE: ("TENTATIVE", True),
    Rsvp.Status.OFFERED: ("TENTATIVE", False),
    Rsvp.Status.PAYING: ("TENTATIVE", False),
    Rsvp.Status.GOING: ("CONFIRMED", False),
}
IN_CALENDAR = tuple(_CALENDAR_STATUS)
# What a mail to a person says that they have answered. An offer is still to be answered.
_ANSWERS: dict[str, PartStat] = {
    Rsvp.Status.WAITLISTED: "TENTATIVE",
    Rsvp.Status.MAYBE: "TENTATIVE",
    Rsvp.Status.OFFERED: "NEEDS-ACTION",
    Rsvp.Status.PAYING: "TENTATIVE",
    Rsvp.Status.GOING: "ACCEPTED",
}


def personal_event(
    rsvp: Rsvp,
    host: Host | None = None,
    *,
    alarm_minutes: int | None = None,
    is_invitation: bool = False,
) -> CalendarEvent:
    """The date as this person's calendar shows it. Needs the occurrence, its event, the user.

    Discreet when they want it for this date, or for all of them. A date of what they come to
    every time is one of an entry that repeats, and names which (RECURRENCE-ID). ``host`` is what
    they once were: their calendar has been told of that too.
    ``is_invitation``: as it is in a mail to them, which their calendar can answer.
    """
    occurrence = rsvp.occurrence
    status, transparent = _CALENDAR_STATUS.get(rsvp.status, ("CANCELLED", True))
    # Cancelled for this person is a change of theirs, though the date itself is as it was.
    sequence = occurrence.sequence + (status == "CANCELLED")
    revised_at = max(occurrence.revised_at, rsvp.changed_at)
    if host is not None:
        sequence, revised_at = sequence + host.sequence, max(revised_at, host.changed_at)
    if occurrence.is_cancelled:
        status, transparent = "CANCELLED", True
    public = public_entry(occurrence)
    entry = CalendarEvent(
        uid=rsvp.calendar_uid,
        sequence=sequence,
        revised_at=revised_at,
        starts_at=public.starts_at,
        ends_at=public.ends_at,
        time_zone=public.time_zone,
        summary=public.summary,
        description=public.description,
        location=public.location,
        url=public.url,
        status=status,
        transparent=transparent,
        conference_url=occurrence.online_url or None if rsvp.is_going else None,
        alarm_minutes=alarm_minutes,
    )
    series_rsvp = rsvp.repeats_with
    if series_rsvp is not None and occurrence.series is not None:
        entry = replace(
            entry,
            # Of all entries with one UID, the later always has the higher number.
            sequence=sequence + occurrence.series.sequence + series_rsvp.sequence,
            # One entry cannot say its rule in one zone and a date in another.
            time_zone=occurrence.series.time_zone,
            instead_of=occurrence.recurrence_id,
        )
    if is_invitation:
        answers = rsvp if series_rsvp is None else series_rsvp
        entry = replace(
            entry,
            invitation=_invitation(answers, _ANSWERS.get(rsvp.status, "DECLINED")),
            comment=_comment(rsvp),
        )
    if rsvp.is_discreet or (rsvp.user is not None and rsvp.user.wants_plain_titles):
        entry = discreet(entry)
    return entry


def _invitation(what: Rsvp | SeriesRsvp, answer: PartStat) -> Invitation:
    return Invitation(
        organizer=reply_address(what.reference),
        attendee=what.email,
        name=what.name,
        answer=answer,
    )


def hosted_event(
    host: Host,
    occurrence: Occurrence,
    rsvp: Rsvp | None = None,
    *,
    alarm_minutes: int | None = None,
    is_invitation: bool = False,
) -> CalendarEvent:
    """The date as the calendar of its host shows it. Needs the event, and the host's person.

    A host is there, whatever they answered as a guest (``rsvp``, their last): one entry, under
    the UID that their calendar knew when they began.
    """
    person = host.person
    assert person is not None  # who has not said yes has no calendar of ours
    event, is_on = occurrence.event, host.hosts(occurrence) and not occurrence.is_cancelled
    entry = replace(
        public_entry(occurrence),
        uid=uid_as_host(host, occurrence, rsvp),
        sequence=occurrence.sequence + host.sequence,
        revised_at=max(occurrence.revised_at, host.changed_at),
        status="CONFIRMED" if is_on else "CANCELLED",
        transparent=not is_on,
        conference_url=occurrence.online_url or None if is_on else None,
        alarm_minutes=alarm_minutes,
    )
    if is_invitation:
        invitation = Invitation(
            organizer=reply_address(host.reference),
            attendee=person.email,
            name=host.name,
            answer="ACCEPTED" if is_on else "DECLINED",
        )
        comment = "" if host.is_accepted else _("You do not host it any more.")
        entry = replace(entry, invitation=invitation, comment=comment)
    is_plain = rsvp.is_discreet if rsvp else event.is_restricted
    return discreet(entry) if is_plain or person.wants_plain_titles else entry


def uid_as_host(host: Host, occurrence: Occurrence, rsvp: Rsvp | None) -> str:
    """The UID of the entry of a host, whose last answer as a guest is ``rsvp``."""
    assert host.accepted_at is not None  # they have said yes
    if rsvp is None or not rsvp.uid_generation:
        return occurrence.uid
    if rsvp.placed_at > host.accepted_at:
        # They have left and come back meanwhile, of which their entry knows nothing.
        before = Rsvp.objects.filter(
            user=host.person_id, occurrence=occurrence, placed_at__lte=host.accepted_at
        )
        rsvp = before.select_related("occurrence").order_by("pk").last()
    return rsvp.calendar_uid if rsvp else occurrence.uid


def hosting_of(user: User | None, event: Event) -> Host | None:
    """What became last of this person as a host of the event; nothing for who never was one."""
    return event.hosts_by_person.get(user.pk) if user else None


def host_invitations_of(user: User, *, at: datetime) -> QuerySet[Host]:
    """Invitations that this person can still answer: sent to an address they have proved."""
    proved = EmailAddress.objects.filter(user=user, verified=True)
    mine = Q(email=user.email.lower()) | Q(email__in=proved.values(address=Lower("email")))
    open_ones = Host.objects.open(at=at).filter(
        mine, event__status__in=[Event.Status.DRAFT, Event.Status.PUBLISHED]
    )
    return open_ones.select_related("event").order_by("pk")


def host_opened_by(secret: str) -> Host | None:
    """The invitation that a link opens, whatever has become of it."""
    found = Host.objects.filter(secret_digest=tokens.digest("host", secret))
    return found.select_related("event", "person").first()


@dataclass(frozen=True)
class NamedHost:
    """A host as the page of the event names them, with their public card where they have one."""

    name: str
    url: str = ""


@dataclass(frozen=True)
class HostsNamed:
    """Who hosts an event, for everybody: people who said yes to being named, and ``others`` in
    words of the event."""

    people: tuple[NamedHost, ...]
    others: str

    @property
    def names(self) -> list[str]:
        return [*(one.name for one in self.people), *([self.others] if self.others else [])]


def hosts_named(event: Event, *, at: datetime) -> HostsNamed:
    """Who hosts the event, in their order.

    A card is linked only from the name it bears itself: another name may not lead to it.
    """
    shown = list(event.hosting.shown())
    cards = (
        cards_shown([host.person_id for host in shown if host.person_id], at=at) if shown else {}
    )
    people = []
    for host in shown:
        card = cards.get(host.person_id or 0)
        is_same = card is not None and card.user.name.casefold() == host.name.casefold()
        people.append(NamedHost(host.name, card.path if card and is_same else ""))
    others = others_named(event.hosts, [one.name for one in people])
    return HostsNamed(tuple(people), others)


def hosted_events(user: User, *, at: datetime) -> QuerySet[Event]:
    """Events this person hosts and works at, the next one first, with how many come and ask."""
    coming = Occurrence.objects.filter(event=OuterRef("pk"), ends_at__gt=at, cancelled_at=None)
    first = coming.order_by("starts_at", "pk")
    last = Occurrence.objects.filter(event=OuterRef("pk")).order_by("-starts_at")
    requests = Rsvp.objects.filter(
        status=Rsvp.Status.APPLIED, occurrence__event=OuterRef("pk"), occurrence__starts_at__gt=at
    )
    every_time = SeriesRsvp.objects.undecided().filter(event=OuterRef("pk"))
    return (
        Event.objects.hosted_by(user, at=at)
        .annotate(
            next_at=first.values("starts_at")[:1],
            next_ends_at=first.values("ends_at")[:1],
            next_on=first.values("starts_on")[:1],
            next_going=first.values("seats__firm")[:1],
            last_at=last.values("starts_at")[:1],
            last_ends_at=last.values("ends_at")[:1],
            date_count=coming.order_by()
            .values("event")
            .annotate(total=Count("pk"))
            .values("total"),
            request_count=Coalesce(
                Subquery(
                    requests.order_by()
                    .values("occurrence__event")
                    .annotate(total=Count("pk"))
                    .values("total")
                ),
                0,
            )
            + Coalesce(
                Subquery(
                    every_time.order_by()
                    .values("event")
                    .annotate(total=Count("pk"))
                    .values("total")
                ),
                0,
            ),
        )
        .order_by(F("next_at").asc(nulls_last=True), "-pk")
    )


def hosted_drafts(user: User) -> QuerySet[Host]:
    """Events this person has said yes to that are not published yet."""
    mine = user.hosting.accepted().filter(event__status=Event.Status.DRAFT)
    return mine.select_related("event").order_by("pk")


def hosted_dates_of(user: User, *, at: datetime) -> QuerySet[Occurrence]:
    """Dates to come that this person hosts."""
    hosted = Event.objects.hosted_by(user, at=at).exclude(status=Event.Status.CANCELLED)
    coming = Occurrence.objects.filter(event__in=hosted, cancelled_at=None).upcoming(at=at)
    return coming.select_related("event")


def dates_hosted_in(user: User, first: date, last: date, *, at: datetime) -> QuerySet[Occurrence]:
    """Dates that are over and took place, from ``first`` to ``last``, while this person hosted
    them."""
    theirs = Host.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=OuterRef("ends_at")),
        person=user,
        event=OuterRef("event"),
        accepted_at__lt=OuterRef("ends_at"),
    )
    over = Occurrence.objects.filter(
        Exists(theirs), starts_on__range=(first, last), ends_at__lte=at, cancelled_at=None
    )
    return (
        over.exclude(event__status__in=[Event.Status.DRAFT])
        .select_related("event")
        .order_by("-starts_at", "-pk")
    )


@dataclass(frozen=True)
class HostingCard:
    """What ``/me/`` shows of hosting (``events/_hosting_card.html``)."""

    dates: Sequence[Occurrence]
    invitations: Sequence[Host]


def hosting_cards(user: User, *, at: datetime) -> list[HostingCard]:
    """One card: the next dates this person hosts and what they are asked to host; none for whoever
    has neither."""
    dates = list(hosted_dates_of(user, at=at)[:3])
    invitations = list(host_invitations_of(user, at=at)[:5])
    return [HostingCard(dates, invitations)] if dates or invitations else []


def uid_generation(occurrence: Occurrence, last: Rsvp | None, user: User | None) -> int:
    """Whether a new answer has an entry of its own: after an end that calendars were told of.

    Who hosts the date was told of none, and keeps one entry.
    """
    host = hosting_of(user, occurrence.event)
    if host is not None and host.hosts(occurrence):
        return last.uid_generation if last else 0
    if last is None:
        return 1 if host is not None else 0
    return last.uid_generation + 1


def entry_of(rsvp: Rsvp, host: Host | None, *, is_invitation: bool = False) -> CalendarEvent:
    """A date somebody answered, as their calendar shows it also where they host it."""
    if host is not None and host.hosts(rsvp.occurrence):
        return hosted_event(host, rsvp.occurrence, rsvp, is_invitation=is_invitation)
    return personal_event(rsvp, host, is_invitation=is_invitation)


def _comment(rsvp: Rsvp) -> str:
    """What a calendar says of a place that was taken back, so that nobody thinks the event is."""
    if rsvp.status == Rsvp.Status.RELEASED and not rsvp.occurrence.is_cancelled:
        return _("Your place was released. The event itself takes place.")
    return ""


def discreet(entry: CalendarEvent) -> CalendarEvent:
    """The same date, saying when and nothing of what."""
    return entry.discreet(summary=_("Busy"), url=f"{settings.BASE_URL}{reverse('events:mine')}")


def calendar_entries(
    user: User, *, since: datetime, alarm_minutes: int | None = None
) -> list[StoredEvent]:
    """What this person's calendar shows of events: what they host, go to or wait for.

    What they left stays as cancelled, so that a subscribed calendar takes it out. What they
    come to every time is one entry that repeats, unless they want each date by itself.
    """
    hosts = _hosts_of(user)
    hosted = _hosted(hosts, since=since)
    texts: dict[int, StoredEvent | None] = {}
    others = []
    with connection.cursor() as cursor:
        cursor.execute(_OWN_DATES, [user.pk, since])
        for (
            date_id,
            event_id,
            pk,
            status,
            time_zone,
            changed_at,
            is_usual,
            *date,
        ) in cursor.fetchall():
            texts[date_id] = None
            is_usual = is_usual and event_id not in hosts
            if not is_usual or alarm_minutes or user.wants_plain_titles:
                others.append(pk)
            else:
                text = _own_text(status, changed_at, *date)
                texts[date_id] = StoredEvent(text, time_zone)
    related = ("occurrence__event", "occurrence__series", "series_rsvp")
    found = Rsvp.objects.filter(pk__in=others).select_related(*related) if others else ()
    rsvps = {rsvp.occurrence_id: rsvp for rsvp in found}
    # A date of theirs as a host is an entry of its own, but where what repeats says the same.
    theirs = {
        pk: (host, occurrence)
        for pk, (host, occurrence) in hosted.items()
        if pk not in rsvps or (host.hosts(occurrence) and not _repeats_surely(rsvps[pk]))
    }
    for rsvp in rsvps.values():
        rsvp.user = user
    answered = [rsvps[pk] for pk in texts if pk in rsvps and pk not in theirs]
    single, repeating = by_rule(answered)
    for rsvp in single:
        host = hosts.get(rsvp.occurrence.event_id)
        entry = personal_event(rsvp, host, alarm_minutes=alarm_minutes)
        (texts[rsvp.occurrence_id],) = as_text([entry])
    entries = as_text(
        hosted_event(host, occurrence, rsvps.get(pk), alarm_minutes=alarm_minutes)
        for pk, (host, occurrence) in theirs.items()
    )
    entries += [text for text in texts.values() if text is not None]
    for dates in repeating:
        entries += repeating_entries(dates, alarm_minutes=alarm_minutes)
    return entries


def _repeats_surely(rsvp: Rsvp) -> bool:
    return rsvp.is_going and rsvp.repeats_with is not None


def hosted_entries(
    user: User, *, since: datetime, alarm_minutes: int | None = None
) -> list[StoredEvent]:
    """What this person's calendar shows of what they host, and nothing else."""
    hosted = _hosted(_hosts_of(user), since=since)
    answers = Rsvp.objects.of_user(user).filter(occurrence__in=list(hosted)).order_by("pk")
    latest = {rsvp.occurrence_id: rsvp for rsvp in answers.select_related("occurrence")}
    entries = [
        hosted_event(host, occurrence, latest.get(pk), alarm_minutes=alarm_minutes)
        for pk, (host, occurrence) in hosted.items()
    ]
    return as_text(entries)


def as_text(entries: Iterable[CalendarEvent]) -> list[StoredEvent]:
    return [StoredEvent(render_vevent(entry), entry.time_zone) for entry in entries]


def _hosts_of(user: User) -> dict[int, Host]:
    """What became last of this person as a host of each event they said yes to, by its key."""
    said_yes = user.hosting.filter(accepted_at__isnull=False).order_by("accepted_at", "pk")
    hosts = {host.event_id: host for host in said_yes}
    for host in hosts.values():
        host.person = user
    return hosts


def _hosted(hosts: Mapping[int, Host], *, since: datetime) -> dict[int, tuple[Host, Occurrence]]:
    """The dates this person hosts, and for a while those they hosted until an end of it.

    An end stays in calendars as cancelled as long as a date that is over does.
    """
    told = [pk for pk, host in hosts.items() if host.ended_at is None or host.ended_at > since]
    if not told:
        return {}
    dates = Occurrence.objects.filter(event__in=told, ends_at__gt=since)
    found = {}
    for occurrence in (
        dates.exclude(event__status=Event.Status.DRAFT)
        .select_related("event", "series")
        .order_by("starts_at", "pk")
    ):
        host = hosts[occurrence.event_id]
        if host.accepted_at and occurrence.ends_at > host.accepted_at:
            found[occurrence.pk] = (host, occurrence)
    return found


# The last answer of one person for each date, in order of time, and whether its entry is the
# stored one but for its status: not online (who goes is shown the way in), not discreet, not in
# an entry that repeats, and not after they had left. A program asks for it at every change of
# any event, so it makes no rows of models out of most of them.
_OWN_DATES = """
    SELECT date_id, event_id, id, status, time_zone, changed_at, is_usual, vevent, sequence,
        revised_at, is_off
    FROM (
        SELECT DISTINCT ON (rsvp.occurrence_id)
            rsvp.id, rsvp.status, event.time_zone, rsvp.changed_at,
            event.format = 'in_person' AND date.vevent <> '' AND rsvp.series_rsvp_id IS NULL
                AND NOT rsvp.is_discreet AND rsvp.uid_generation = 0 AS is_usual,
            date.vevent, date.sequence, date.revised_at,
            date.cancelled_at IS NOT NULL
                OR coalesce(date.ends_at > event.cancelled_at, false) AS is_off,
            date.starts_at, date.id AS date_id, date.event_id
        FROM events_rsvp AS rsvp
        JOIN events_occurrence AS date ON date.id = rsvp.occurrence_id
        JOIN events_event AS event ON event.id = date.event_id
        WHERE rsvp.user_id = %s AND date.ends_at > %s
            AND rsvp.status NOT IN ('pending', 'applied')
        ORDER BY rsvp.occurrence_id, rsvp.id DESC
    ) AS own
    ORDER BY starts_at, date_id
"""


def _own_text(
    status: str,
    changed_at: datetime,
    vevent: str,
    sequence: int,
    revised_at: datetime,
    is_off: bool,
) -> str:
    """What ``personal_event`` says, made of the date's stored text."""
    said, transparent = _CALENDAR_STATUS.get(status, ("CANCELLED", True))
    return render_again(
        vevent,
        sequence=sequence + (said == "CANCELLED"),
        revised_at=max(revised_at, changed_at),
        status="CANCELLED" if is_off else said,
        transparent=is_off or transparent,
    )


def by_rule(rsvps: Iterable[Rsvp]) -> tuple[list[Rsvp], list[list[Rsvp]]]:
    """Those that are entries of their own, and those of each entry that repeats.

    Needs ``series_rsvp`` and the occurrence's series of each, and its user.
    """
    single: list[Rsvp] = []
    repeating: dict[tuple[int, int], list[Rsvp]] = {}
    for rsvp in rsvps:
        series_rsvp, series = rsvp.repeats_with, rsvp.occurrence.series
        if series_rsvp is None or series is None:
            single.append(rsvp)
            continue
        series.event, series_rsvp.user = rsvp.occurrence.event, rsvp.user
        repeating.setdefault((series_rsvp.pk, series.pk), []).append(rsvp)
    return single, list(repeating.values())


def repeating_entries(
    rsvps: Sequence[Rsvp], *, alarm_minutes: int | None = None, is_invitation: bool = False
) -> list[StoredEvent]:
    """What somebody comes to every time, by one rule, as one entry and what is different.

    ``rsvps`` are the dates in it, at least one. When they no longer come, or nothing takes place
    any more, it is one entry that is cancelled. In an invitation a date that does not take place
    is left out like one they do not come to: a REQUEST can say nothing else of it (RFC 5546
    §3.2.2); what told them of it was a CANCEL.
    """
    series, series_rsvp = rsvps[0].occurrence.series, rsvps[0].series_rsvp
    assert series is not None  # ``by_rule`` put them together
    assert series_rsvp is not None
    is_off = is_repeating_off(rsvps)
    event, user = series.event, series_rsvp.user
    is_plain = event.is_restricted or (user is not None and user.wants_plain_titles)
    dates: dict[date, CalendarEvent | None] = {}
    for rsvp in rsvps:
        occurrence = rsvp.occurrence
        assert occurrence.recurrence_on is not None  # the constraint ties it to the series
        if is_off:
            dates[occurrence.recurrence_on] = None
            continue
        if not rsvp.is_active or (is_invitation and occurrence.is_cancelled):
            continue
        is_usual = is_as_its_rule_says(rsvp) and (rsvp.is_discreet or is_plain) == is_plain
        dates[occurrence.recurrence_on] = (
            None
            if is_usual
            else personal_event(rsvp, alarm_minutes=alarm_minutes, is_invitation=is_invitation)
        )
    usual = Occurrence(event=event, starts_at=series.revised_at, ends_at=series.revised_at)
    page = f"{settings.BASE_URL}{reverse('events:event', args=[event.slug])}"
    master = CalendarEvent(
        uid=series_rsvp.calendar_uid(series),
        sequence=series.sequence + series_rsvp.sequence + is_off,
        revised_at=max(
            series.revised_at,
            series_rsvp.changed_at,
            *(max(rsvp.changed_at, rsvp.occurrence.revised_at) for rsvp in rsvps),
        ),
        starts_at=series.revised_at,
        ends_at=series.revised_at,
        time_zone=series.time_zone,
        summary=event.title,
        description=event.summary,
        location=place_line(usual),
        url=page,
        status="CANCELLED" if is_off else "CONFIRMED",
        transparent=is_off,
        conference_url=None if is_off else event.online_url or None,
        alarm_minutes=alarm_minutes,
    )
    if is_invitation:
        answer: PartStat = "DECLINED" if is_off else "ACCEPTED"
        master = replace(master, invitation=_invitation(series_rsvp, answer))
    what = Repeating(
        master=discreet(master) if is_plain else master,
        rule=series.rule,
        clock=series.starts_clock,
        length=series.duration,
        known_until=series.made_until,
        later_left_out=frozenset(series_rsvp.days_left_out),
    )
    return [StoredEvent(text, series.time_zone) for text in render_repeating(what, dates)]


def is_repeating_off(rsvps: Sequence[Rsvp]) -> bool:
    """Whether an entry that repeats is cancelled as a whole for somebody with these dates."""
    series_rsvp = rsvps[0].series_rsvp
    assert series_rsvp is not None  # ``by_rule`` put them together
    is_over_with = rsvps[0].occurrence.event.status == Event.Status.CANCELLED
    return is_over_with or not series_rsvp.is_active


def is_as_its_rule_says(rsvp: Rsvp) -> bool:
    """Whether a date needs no entry of its own beside the one that repeats."""
    occurrence = rsvp.occurrence
    return (
        rsvp.is_going
        and occurrence.is_as_the_rule_says
        and not occurrence.is_cancelled
        and not (occurrence.note or occurrence.other_place or occurrence.other_url)
    )


def dates_by_rule(series_rsvps: Iterable[SeriesRsvp]) -> dict[int, list[list[Rsvp]]]:
    """For each of these people, by the key of their yes to every date: the dates they came to
    through it, by each entry that repeats. Needs the event and the user of each."""
    comers = list(series_rsvps)
    found: dict[int, list[list[Rsvp]]] = {one.pk: [] for one in comers}
    for dates in by_rule(dates_through(*comers))[1]:
        found[dates[0].series_rsvp_id or 0].append(dates)
    return found


def dates_through(*series_rsvps: SeriesRsvp) -> list[Rsvp]:
    """The last answer for each date that these people came to through their yes to every date
    of an event. Needs the event and the user of each."""
    comers = {one.pk: one for one in series_rsvps}
    rsvps = (
        Rsvp.objects.filter(series_rsvp__in=comers, occurrence__series__isnull=False)
        .select_related("occurrence__series")
        .order_by("occurrence__starts_at", "pk")
    )
    latest = {(rsvp.series_rsvp_id, rsvp.occurrence_id): rsvp for rsvp in rsvps}
    for rsvp in latest.values():
        series_rsvp = comers[rsvp.series_rsvp_id or 0]
        rsvp.series_rsvp, rsvp.user = series_rsvp, series_rsvp.user
        rsvp.occurrence.event = series_rsvp.event
    return list(latest.values())


def rsvp_opened_by(token: str) -> Rsvp | None:
    """The RSVP that a link opens, or nothing: unknown and no longer valid are the same."""
    reference, _dash, _secret = token.partition("-")
    rsvp = (
        Rsvp.objects.filter(reference=reference).select_related("occurrence__event", "user").first()
    )
    if rsvp is None or not tokens.matches(token, rsvp.token):
        return None
    return rsvp


def series_rsvp_opened_by(token: str, *, at: datetime) -> SeriesRsvp | None:
    """The answer to a series that a link opens; an unconfirmed one for a day."""
    reference, _dash, _secret = token.partition("-")
    found = SeriesRsvp.objects.select_related("event", "user").filter(reference=reference).first()
    if found is None or not tokens.matches(token, found.token):
        return None
    if found.is_pending and at >= found.changed_at + CONFIRM_WITHIN:
        return None
    return found


_COMES = Q(status__in=[SeriesRsvp.Status.ACTIVE, SeriesRsvp.Status.APPLIED])


def series_rsvp_of(user: User | AnonymousUser, event: Event) -> SeriesRsvp | None:
    """Whether this person comes to every date of the event, or has asked to."""
    if not user.is_authenticated:
        return None
    return SeriesRsvp.objects.filter(_COMES, user=user, event=event).first()


def series_rsvps_of(user: User) -> QuerySet[SeriesRsvp]:
    """What this person comes to every time, or has asked to."""
    standing = SeriesRsvp.objects.filter(_COMES, user=user, event__status=Event.Status.PUBLISHED)
    return standing.select_related("event", "user").order_by("placed_at", "pk")


def series_dates(event: Event, *, at: datetime) -> list[Occurrence]:
    """The dates to come that somebody who comes every time comes to."""
    dates = event.occurrences.filter(series__isnull=False, cancelled_at=None, starts_at__gt=at)
    found = list(dates.order_by("starts_at"))
    for occurrence in found:
        occurrence.event = event
    return found


def answers_by_date(series_rsvp: SeriesRsvp, dates: Iterable[Occurrence]) -> dict[int, Rsvp]:
    """The last answer of this person for each of the dates that they ever answered."""
    person = Q(user=None, address=series_rsvp.email.lower())
    if series_rsvp.user_id:
        person |= Q(user=series_rsvp.user_id)
    rsvps = (
        Rsvp.objects.alias(address=Lower("guest_email"))
        .filter(person, occurrence__in=[one.pk for one in dates])
        .select_related("user", "series_rsvp")
        .annotate(position=_position())
        .order_by("pk")
    )
    return {rsvp.occurrence_id: rsvp for rsvp in rsvps}


def addresses_that_answered(
    dates: Iterable[Occurrence], emails: Iterable[str]
) -> dict[int, set[str]]:
    """Which of these people have ever answered each of the dates, as a user or as a guest.

    What they left together with everything is no answer to it, should they come again.
    """
    answered: dict[int, set[str]] = {}
    ended = {"series_rsvp__status": SeriesRsvp.Status.ENDED, "status": Rsvp.Status.LEFT}
    rows = (
        Rsvp.objects.filter(occurrence__in=[one.pk for one in dates])
        .exclude(**ended)
        .annotate(address=Lower(Coalesce("user__email", "guest_email", output_field=CharField())))
        .filter(address__in=[email.lower() for email in emails])
    )
    for occurrence_id, address in rows.values_list("occurrence", "address"):
        answered.setdefault(occurrence_id, set()).add(address)
    return answered


def people_who_see(event: Event, people: Sequence[User], *, at: datetime) -> set[int]:
    """The accounts among ``people`` that may see this event, by their keys."""
    enrolled = Enrolment.objects.active(at=at).filter(user__in=[one.pk for one in people])
    if event.visibility == Visibility.PROGRAMME:
        enrolled = enrolled.filter(term__programme=event.programme_id)
    seeing = set(enrolled.values_list("user", flat=True))
    others = [one for one in people if one.pk not in seeing]
    return seeing | {one.pk for one in others if event.is_visible_to(one, at=at)}


def series_answers_of(comers: Sequence[SeriesRsvp]) -> dict[int, list[tuple[int, str]]]:
    """What each of them answered for all dates, to what is still asked: question and text."""
    given: dict[int, list[tuple[int, str]]] = {}
    rows = SeriesAnswer.objects.filter(
        series_rsvp__in=[one.pk for one in comers], question__is_asked=True
    )
    for pk, question_id, text in rows.values_list("series_rsvp", "question", "text"):
        given.setdefault(pk, []).append((question_id, text))
    return given


def series_answers_in_words(comers: Sequence[SeriesRsvp]) -> dict[int, list[SeriesAnswer]]:
    """What each of them answered for all dates, but for what is about access or health: that is
    looked at by date, where each look is noted."""
    rows = SeriesAnswer.objects.filter(
        series_rsvp__in=[one.pk for one in comers],
        question__is_asked=True,
        question__is_care=False,
    )
    given: dict[int, list[SeriesAnswer]] = {}
    for answer in rows.select_related("question").order_by("question"):
        given.setdefault(answer.series_rsvp_id, []).append(answer)
    return given


@Prepared
def coming_date(slug: str, at: datetime) -> QuerySet[Occurrence]:
    """The next date of an event that is not cancelled, with all that its page says of the event."""
    return _dates_of(slug, Occurrence.objects.filter(cancelled_at__isnull=True).upcoming(at=at))[:1]


@Prepared
def date_on(slug: str, day: date) -> QuerySet[Occurrence]:
    """An event's date on that day of its own zone."""
    return _dates_of(slug, Occurrence.objects.filter(starts_on=day))[:1]


def last_date(slug: str) -> Occurrence | None:
    """The last date of an event, over or cancelled as it may be."""
    return _dates_of(slug, Occurrence.objects.order_by("-starts_at")).first()


def _dates_of(slug: str, dates: QuerySet[Occurrence]) -> QuerySet[Occurrence]:
    return dates.filter(event__slug=slug).select_related("event__programme", "series")


@Prepared
def asked_of(event_id: int) -> QuerySet[Question]:
    """What an event asks those who say yes."""
    return Question.objects.asked().filter(event=event_id)


def rsvp_given_by(token: str) -> Rsvp | None:
    """The RSVP whose place this link gives to somebody else, while that stands."""
    reference, _dash, _secret = token.partition("-")
    rsvp = (
        Rsvp.objects.filter(reference=reference)
        .exclude(heir_email="")
        .select_related("occurrence__event", "user")
        .first()
    )
    if rsvp is None or not tokens.matches(token, rsvp.heir_token):
        return None
    return rsvp


def is_link_live(rsvp: Rsvp, *, at: datetime) -> bool:
    """Whether a link still does something: an unconfirmed one for a day, others past the date."""
    if rsvp.is_pending:
        return at < rsvp.changed_at + CONFIRM_WITHIN
    return at < rsvp.occurrence.ends_at + LINK_OUTLIVES_DATE


def standing_rsvp(occurrence: Occurrence, *, user: User | None, email: str) -> Rsvp | None:
    """The answer that stands for this person at this date, as a user or as a guest."""
    last = last_rsvp(occurrence, user=user, email=email)
    return last if last and last.is_active else None


def last_rsvp(occurrence: Occurrence, *, user: User | None, email: str) -> Rsvp | None:
    """The answer that stands for this person at this date; if none does, their last one."""
    email = email.lower()
    user_id = user.pk if user else _user_id_of(email)
    return _last_rsvp.first(occurrence_id=occurrence.pk, user_id=user_id or 0, email=email)


@Prepared
def _last_rsvp(occurrence_id: int, user_id: int, email: str) -> QuerySet[Rsvp]:
    person = Q(user__isnull=True, address=email) | Q(user=user_id)
    return (
        Rsvp.objects.alias(
            address=Lower("guest_email"),
            is_standing=ExpressionWrapper(Q(status__in=Rsvp.ACTIVE), BooleanField()),
        )
        .filter(person, occurrence=occurrence_id)
        .select_related("user")
        .order_by("-is_standing", "user_id", "-pk")[:1]
    )


def _user_id_of(email: str) -> int | None:
    return User.objects.filter(email=email).values_list("pk", flat=True).first()


def queue_position(rsvp: Rsvp) -> int | None:
    """How many are served no later than this one; 1 is next. Nothing when not waiting.

    Where the query that read it has counted (``position``), it is not counted again.
    """
    if not rsvp.is_waiting:
        return None
    known: int | None = getattr(rsvp, "position", None)
    if known is not None:
        return known
    earlier = Q(queued_at__lt=rsvp.queued_at) | Q(queued_at=rsvp.queued_at, pk__lte=rsvp.pk)
    return Rsvp.objects.waiting().filter(earlier, occurrence=rsvp.occurrence_id).count()


def listed_dates(
    user: User | AnonymousUser, chosen: Mapping[str, Any], *, at: datetime
) -> QuerySet[Occurrence]:
    """Dates still to come that this user may find, with what they ask for in ``chosen``.

    The list, the feed and the search start here. ``chosen`` is what ``EventFilter`` read.
    """
    dates = Occurrence.objects.visible_to(user, at=at).listed().upcoming(at=at)
    return chosen_dates(dates, chosen).select_related("event__programme", "seats")


def chosen_dates(dates: QuerySet[Occurrence], chosen: Mapping[str, Any]) -> QuerySet[Occurrence]:
    """Those of ``dates`` that fit the filters of the list page."""
    if place := chosen.get("format"):
        # Who looks for one kind finds what is both.
        dates = dates.filter(event__format__in=[place, Format.HYBRID])
    if language := chosen.get("language"):
        dates = dates.filter(event__language=language)
    if topic := chosen.get("topic"):
        dates = dates.filter(event__topics__contains=[topic])
    if programme := chosen.get("programme"):
        dates = dates.filter(event__programme=programme)
    if first := chosen.get("from"):
        dates = dates.filter(starts_on__gte=first)
    if last := chosen.get("to"):
        dates = dates.filter(starts_on__lte=last)
    for word in str(chosen.get("q", "")).split()[:8]:
        dates = dates.filter(
            Q(event__title__icontains=word)
            | Q(event__summary__icontains=word)
            | Q(event__hosts__icontains=word)
            | Q(event__in=Host.objects.shown().filter(name__icontains=word).values("event"))
            | Q(event__place_name__icontains=word)
            | Q(event__address__icontains=word)
        )
    return dates


@dataclass(frozen=True)
class Room:
    """How full a date is, as a page may say it; only a claim under the lock is sure."""

    capacity: int | None
    taken: int
    waiting: int

    @property
    def free(self) -> int | None:
        return None if self.capacity is None else max(0, self.capacity - self.taken)

    @property
    def is_full(self) -> bool:
        return self.capacity is not None and self.taken >= self.capacity


def room_of(occurrence: Occurrence, *, at: datetime) -> Room:
    """How full the date is, timed holds included."""
    mine = Rsvp.objects.filter(occurrence=OuterRef("pk")).order_by().values("occurrence")
    held = mine.filter(status__in=Rsvp.TIMED, hold_expires_at__gt=at)
    row = (
        Occurrence.objects.filter(pk=occurrence.pk)
        .values_list("seats__capacity", "seats__firm")
        .annotate(
            held=held.annotate(total=Sum("party_size")).values("total"),
            waiting=mine.filter(status=Rsvp.Status.WAITLISTED)
            .annotate(total=Count("pk"))
            .values("total"),
        )
        .get()
    )
    capacity, firm, held_now, waiting = row
    return Room(capacity, (firm or 0) + (held_now or 0), waiting or 0)


def answers_of(user: User | AnonymousUser, dates: Iterable[Occurrence]) -> dict[int, Rsvp]:
    """What this person has answered, by date."""
    if not user.is_authenticated:
        return {}
    rsvps = Rsvp.objects.active().filter(user=user, occurrence__in=[date.pk for date in dates])
    return {rsvp.occurrence_id: rsvp for rsvp in rsvps}


def rsvps_of(user: User, *, at: datetime, is_over: bool) -> QuerySet[Rsvp]:
    """This person's answers for dates to come, or for dates that are over."""
    rsvps = (
        Rsvp.objects.of_user(user)
        .filter(status__in=[*IN_CALENDAR, Rsvp.Status.APPLIED])
        .select_related("occurrence__event", "user")
        .annotate(position=_position())
    )
    if is_over:
        return rsvps.filter(occurrence__ends_at__lte=at).order_by("-occurrence__starts_at", "-pk")
    return rsvps.filter(occurrence__ends_at__gt=at).order_by("occurrence__starts_at", "pk")


def ended_rsvps_of(user: User, *, at: datetime) -> QuerySet[Rsvp]:
    """Dates to come this person said no to, left, or could not have; those where no other answer
    of theirs came after."""
    later = Rsvp.objects.filter(user=user, occurrence=OuterRef("occurrence"), pk__gt=OuterRef("pk"))
    return (
        Rsvp.objects.of_user(user)
        .exclude(status__in=Rsvp.ACTIVE)
        .exclude(Exists(later))
        .filter(occurrence__ends_at__gt=at)
        .select_related("occurrence__event", "user")
        .order_by("occurrence__starts_at", "pk")
    )


def _position() -> Subquery:
    """The turn of a waiting RSVP as a part of a larger query; 0 for one that is not waiting."""
    ahead = (
        Rsvp.objects.waiting()
        .filter(
            Q(queued_at__lt=OuterRef("queued_at"))
            | Q(queued_at=OuterRef("queued_at"), pk__lte=OuterRef("pk")),
            occurrence=OuterRef("occurrence"),
        )
        .order_by()
        .values("occurrence")
        .annotate(total=Count("pk"))
        .values("total")
    )
    return Subquery(ahead)


def next_dates_run_by(user: User, *, at: datetime, limit: int = 5) -> list[Occurrence]:
    """The next dates of published events that ``user`` may edit, with how full they are."""
    dates = Occurrence.objects.filter(
        event__in=Event.objects.editable_by(user, at=at),
        event__status=Event.Status.PUBLISHED,
        cancelled_at=None,
    )
    return list(dates.upcoming(at=at).select_related("event", "seats")[:limit])


def home_cards(user: User, *, at: datetime) -> list[Rsvp]:
    """The next dates this person goes to or waits for, for their home page."""
    return list(rsvps_of(user, at=at, is_over=False)[:5])


def needs_you(user: User, *, at: datetime) -> list[NeedsYou]:
    """What waits for this person: places offered to them, and being asked to host; for
    coordinators and hosts, requests to answer; for coordinators, drafts whose first date comes
    near."""
    soon = at + timedelta(days=14)
    drafts = (
        Event.objects.editable_by(user, at=at)
        .filter(
            status=Event.Status.DRAFT,
            occurrences__starts_at__gt=at,
            occurrences__starts_at__lt=soon,
        )
        .annotate(first=Min("occurrences__starts_at"))
        .order_by("first")
    )
    runs = Event.objects.editable_by(user, at=at).values("pk")
    hosts = Event.objects.hosted_by(user, at=at).values("pk")
    requests = (
        Event.objects.filter(Q(pk__in=runs) | Q(pk__in=hosts))
        .filter(
            occurrences__rsvps__status=Rsvp.Status.APPLIED,
            occurrences__starts_at__gt=at,
            occurrences__cancelled_at__isnull=True,
        )
        .annotate(first=Min("occurrences__starts_at"))
        .order_by("first")
    )
    regulars = (
        Event.objects.filter(Q(pk__in=runs) | Q(pk__in=hosts))
        .filter(
            pk__in=SeriesRsvp.objects.undecided().values("event"),
            occurrences__starts_at__gt=at,
            occurrences__cancelled_at__isnull=True,
        )
        .annotate(first=Min("occurrences__starts_at"))
        .order_by("first")
    )
    offers = (
        Rsvp.objects.holding(at=at)
        .filter(user=user, status__in=[Rsvp.Status.OFFERED, Rsvp.Status.PAYING])
        .select_related("occurrence__event")
    )
    return [
        *(
            NeedsYou(
                title=_("A place is kept for you until you have paid")
                if offer.is_paying
                else _("A place you waited for is kept for you"),
                url=offer.manage_path,
                kind="event",
                due_at=offer.hold_expires_at,
            )
            for offer in offers[:20]
        ),
        *(
            NeedsYou(
                title=_("You are asked to host an event"),
                url=reverse("events:host-asked", args=[host.pk]),
                kind="event",
                due_at=host.expires_at,
            )
            for host in host_invitations_of(user, at=at)[:20]
        ),
        *(
            NeedsYou(
                title=_("%(event)s: somebody asks to come") % {"event": event.title},
                url=reverse("events:staff-people", args=[event.slug]) + "?status=applied",
                kind="event",
                due_at=event.first,  # type: ignore[attr-defined]  # annotated above
            )
            for event in requests[:20]
        ),
        *(
            NeedsYou(
                title=_("%(event)s: somebody asks to come every time") % {"event": event.title},
                url=reverse("events:staff-regulars", args=[event.slug]),
                kind="event",
                due_at=event.first,  # type: ignore[attr-defined]  # annotated above
            )
            for event in regulars[:20]
        ),
        *(
            NeedsYou(
                title=_("%(event)s: starts soon and is not published yet") % {"event": event.title},
                url=reverse("events:staff-edit", args=[event.slug]),
                kind="event",
                due_at=event.first,  # type: ignore[attr-defined]  # annotated above
            )
            for event in drafts[:20]
        ),
        *money_needs(user, at=at),
    ]


def staff_events(user: User, chosen: Mapping[str, Any], *, at: datetime) -> QuerySet[Event]:
    """Events this coordinator runs, with their next (or last) date and how many come."""
    dates = Occurrence.objects.filter(event=OuterRef("pk")).order_by()
    per_event = dates.values("event")
    waiting = (
        Rsvp.objects.filter(occurrence__event=OuterRef("pk"), status=Rsvp.Status.WAITLISTED)
        .order_by()
        .values("occurrence__event")
        .annotate(total=Count("pk"))
    )
    events = (
        Event.objects.editable_by(user, at=at)
        .select_related("programme")
        .annotate(
            next_at=dates.filter(ends_at__gt=at).order_by("starts_at").values("starts_at")[:1],
            last_at=per_event.annotate(last=Max("starts_at")).values("last"),
            date_count=per_event.annotate(total=Count("pk")).values("total"),
            going=per_event.annotate(total=Sum("seats__firm")).values("total"),
            waiting=waiting.values("total"),
        )
    )
    if status := chosen.get("status"):
        events = events.filter(status=status)
    if chosen.get("when") == "coming":
        events = events.filter(next_at__isnull=False)
    elif chosen.get("when") == "past":
        events = events.filter(next_at__isnull=True, last_at__isnull=False)
    for name in ("programme", "visibility", "format"):
        if value := chosen.get(name):
            events = events.filter(**{name: value})
    for word in str(chosen.get("q", "")).split()[:8]:
        events = events.filter(
            Q(title__icontains=word) | Q(place_name__icontains=word) | Q(hosts__icontains=word)
        )
    return events.order_by(
        F("next_at").asc(nulls_last=True), F("last_at").desc(nulls_last=True), "pk"
    )


def dates_of_events(events: QuerySet[Event]) -> QuerySet[Occurrence]:
    """Every date of these events, for a file."""
    waiting = Rsvp.objects.filter(occurrence=OuterRef("pk"), status=Rsvp.Status.WAITLISTED)
    return (
        Occurrence.objects.filter(event__in=events.order_by().values("pk"))
        .select_related("event__programme", "seats")
        .annotate(
            waiting=waiting.order_by()
            .values("occurrence")
            .annotate(total=Count("pk"))
            .values("total")
        )
        .order_by("starts_at", "pk")
    )


def dates_in_month(user: User, first: date, last: date, *, at: datetime) -> list[Occurrence]:
    """The dates of events this coordinator runs from ``first`` to ``last``, cancelled ones too."""
    events = Event.objects.editable_by(user, at=at).values("pk")
    dates = Occurrence.objects.filter(event__in=events, starts_on__range=(first, last))
    return list(dates.select_related("event", "seats").order_by("starts_on", "starts_at", "pk"))


def draft_opened_by(token: str) -> Event | None:
    """The draft a link opens, or nothing: unknown, revoked and published are the same."""
    number, _dash, _secret = token.partition("-")
    if not number.isdecimal() or len(number) > 18:
        return None
    event = Event.objects.select_related("programme").filter(pk=int(number)).first()
    if event is None or not event.is_shared:
        return None
    return event if tokens.matches(token, event.share_token) else None


def dates_to_manage(event: Event, *, at: datetime, is_over: bool) -> QuerySet[Occurrence]:
    """The dates of an event for the people who run it, cancelled ones too."""
    waiting = Rsvp.objects.filter(occurrence=OuterRef("pk"), status=Rsvp.Status.WAITLISTED)
    dates = event.occurrences.select_related("series", "seats").annotate(
        waiting=waiting.order_by().values("occurrence").annotate(total=Count("pk")).values("total")
    )
    if is_over:
        return dates.filter(ends_at__lte=at).order_by("-starts_at")
    return dates.filter(ends_at__gt=at).order_by("starts_at")


def series_to_manage(event: Event, *, at: datetime) -> list[Series]:
    """The series of an event that have dates to come, each with the day of the next one."""
    nexts = (
        event.occurrences.filter(series__isnull=False, ends_at__gt=at)
        .select_related("series")
        .order_by("series__starts_on", "series", "starts_at")
        .distinct("series__starts_on", "series")
    )
    found = []
    for date_ in nexts:
        assert date_.series is not None
        date_.series.next_on = date_.starts_on  # type: ignore[attr-defined]  # for the page
        found.append(date_.series)
    return found


def ahead_of(event: Event, *, at: datetime) -> Ahead:
    """What is to come of an event, for the rules about its settings."""
    dates = list(
        event.occurrences.filter(ends_at__gt=at, cancelled_at=None).order_by("starts_at", "pk")
    )
    for date_ in dates:
        date_.event = event
    endless = event.series.filter(ends_on=None, count=None)
    is_seen = True
    if event.is_restricted:
        enrolled = Enrolment.objects.active(at=at)
        if event.visibility == Visibility.PROGRAMME:
            enrolled = enrolled.filter(term__programme=event.programme_id)
        is_seen = enrolled.exists()
    return Ahead(dates, is_endless=endless.exists(), is_seen=is_seen)


def party_counts(dates: Iterable[Occurrence]) -> dict[int, int]:
    """How many people come to or wait for each date; dates without anybody are left out."""
    rsvps = Rsvp.objects.active().exclude(status=Rsvp.Status.PENDING)
    counted = (
        rsvps.filter(occurrence__in=[one.pk for one in dates])
        .order_by()
        .values("occurrence")
        .annotate(total=Sum("party_size"))
    )
    return dict(counted.values_list("occurrence", "total"))


PEOPLE_TABS: dict[str, tuple[str, ...]] = {
    "going": (Rsvp.Status.GOING,),
    "applied": (Rsvp.Status.APPLIED,),
    "waiting": (Rsvp.Status.WAITLISTED, Rsvp.Status.OFFERED, Rsvp.Status.PAYING),
    "pending": (Rsvp.Status.PENDING,),
    "ended": (Rsvp.Status.DECLINED, Rsvp.Status.LEFT, Rsvp.Status.RELEASED),
}


def people_counts(occurrence: Occurrence) -> dict[str, int]:
    """How many answers each tab of the people page holds."""
    found = dict(
        Rsvp.objects.filter(occurrence=occurrence)
        .order_by()
        .values_list("status")
        .annotate(total=Count("pk"))
    )
    return {
        tab: sum(found.get(status, 0) for status in statuses)
        for tab, statuses in PEOPLE_TABS.items()
    }


def people_of(
    occurrence: Occurrence, tab: str, q: str = "", *, for_hosts: bool = False
) -> QuerySet[Rsvp]:
    """Who answered for a date, by what became of it: by name, the queue in its order."""
    answered = Rsvp.objects.filter(occurrence=occurrence, status__in=PEOPLE_TABS[tab])
    rsvps = _named(answered, for_hosts=for_hosts)
    if tab == "waiting":
        return _matching(rsvps, q).order_by("queued_at", "pk")
    return _matching(rsvps, q).order_by(Lower("shown_name"), "pk")


def people_to_export(occurrence: Occurrence) -> QuerySet[Rsvp]:
    """Everybody who answered for a date and is somebody, with whether they came, and what they
    answered that is not about access or health."""
    came = CheckIn.objects.standing().filter(rsvp=OuterRef("pk")).values("people_count")
    answers = Prefetch(
        "answers", Answer.objects.filter(question__is_care=False), to_attr="plain_answers"
    )
    answered = Rsvp.objects.filter(occurrence=occurrence).exclude(status=Rsvp.Status.PENDING)
    return (
        answered.select_related("user")
        .prefetch_related(answers)
        .annotate(came=Coalesce(Subquery(came[:1]), 0))
        .order_by("placed_at", "pk")
    )


def regulars_of(event: Event) -> QuerySet[SeriesRsvp]:
    """Who comes every time or asks to, those the hosts have to answer first."""
    return (
        SeriesRsvp.objects.filter(_COMES, event=event)
        .select_related("user")
        .annotate(is_undecided=Exists(SeriesRsvp.objects.undecided().filter(pk=OuterRef("pk"))))
        .order_by("-is_undecided", "placed_at", "pk")
    )


@dataclass(frozen=True)
class Turnout:
    """How often somebody came, and how often they had a place and did not."""

    came: int
    missed: int


def turnouts(rsvps: Sequence[Rsvp], coordinator: User, *, at: datetime) -> dict[int, Turnout]:
    """For each of ``rsvps``, how often that person came to this coordinator's events in the last
    two years. Counts only: never which events. Dates without any check-in do not count."""
    users = [rsvp.user_id for rsvp in rsvps if rsvp.user_id]
    guests = [rsvp.guest_email.lower() for rsvp in rsvps if rsvp.guest_email]
    standing = CheckIn.objects.standing()
    past = (
        Rsvp.objects.going()
        .filter(
            occurrence__ends_at__lte=at,
            occurrence__ends_at__gt=at - timedelta(days=settings.ATTENDANCE_DAYS),
            occurrence__cancelled_at__isnull=True,
            occurrence__event__in=Event.objects.editable_by(coordinator, at=at),
        )
        .alias(address=Lower("guest_email"))
        .filter(Q(user__in=users) | Q(user__isnull=True, address__in=guests))
        .filter(Exists(standing.filter(rsvp__occurrence=OuterRef("occurrence"))))
        .annotate(came=Exists(standing.filter(rsvp=OuterRef("pk"))))
        .values_list("user", Lower("guest_email"), "came")
    )
    counts: dict[int | str, list[int]] = {}
    for user_id, address, came in past:
        counts.setdefault(user_id or address, [0, 0])[0 if came else 1] += 1
    return {
        rsvp.pk: Turnout(*counts.get(rsvp.user_id or rsvp.guest_email.lower(), (0, 0)))
        for rsvp in rsvps
    }


def _named(rsvps: QuerySet[Rsvp], *, for_hosts: bool) -> QuerySet[Rsvp]:
    """The same, each with the name a list shows (``shown_name``), never an address for hosts."""
    names = [NullIf("user__name", Value("")), NullIf("guest_name", Value(""))]
    last = Value(_("No name given")) if for_hosts else F("user__email")
    return rsvps.select_related("user").annotate(
        shown_name=Coalesce(*names, last, Value(_("Name deleted")), output_field=CharField())
    )


def _matching(rsvps: QuerySet[Rsvp], q: str) -> QuerySet[Rsvp]:
    """Those of ``_named`` whose name, companion or reference has every word of ``q``."""
    for word in q.split()[:4]:
        rsvps = rsvps.filter(
            Q(shown_name__icontains=word)
            | Q(reference__iexact=word)
            | Q(companions__icontains=word)
        )
    return rsvps


def door_list(occurrence: Occurrence, q: str, *, for_hosts: bool = False) -> QuerySet[Rsvp]:
    """Who is expected at the door and fits ``q``, by name, with their standing check-in if there
    is one. Nobody while nothing is asked for: a door shows no roster to whoever looks over."""
    if not q.strip():
        return Rsvp.objects.none()
    standing = CheckIn.objects.standing().filter(rsvp=OuterRef("pk"))
    rsvps = _named(
        Rsvp.objects.filter(
            occurrence=occurrence, status__in=[Rsvp.Status.GOING, Rsvp.Status.WAITLISTED]
        ),
        for_hosts=for_hosts,
    ).annotate(
        came=standing.values("people_count")[:1], came_at=standing.values("checked_in_at")[:1]
    )
    return _matching(rsvps, q).order_by("status", Lower("shown_name"), "pk")


def door_roster(occurrence: Occurrence, *, for_hosts: bool = False) -> list[dict[str, Any]]:
    """Who is going, for a phone that must work without a network."""
    standing = CheckIn.objects.standing().filter(rsvp=OuterRef("pk"))
    going = Rsvp.objects.going().filter(occurrence=occurrence)
    rsvps = _named(going, for_hosts=for_hosts).annotate(came=Exists(standing))
    return [
        {"reference": reference, "name": name, "party": party, "came": came}
        for reference, name, party, came in rsvps.order_by("pk").values_list(
            "reference", "shown_name", "party_size", "came"
        )
    ]


@dataclass(frozen=True)
class DoorCount:
    came: int
    expected: int
    waiting: int


def door_count(occurrence: Occurrence) -> DoorCount:
    """How many have come of how many who are going."""
    going = Rsvp.objects.going().filter(occurrence=occurrence).aggregate(all=Sum("party_size"))
    came = CheckIn.objects.standing().filter(rsvp__occurrence=occurrence)
    return DoorCount(
        came=came.aggregate(all=Sum("people_count"))["all"] or 0,
        expected=going["all"] or 0,
        waiting=Rsvp.objects.waiting().filter(occurrence=occurrence).count(),
    )


# When hosts are reminded of a date whose guests are not.
HOST_REMINDER_HOURS = [int(ReminderHours.DAY)]


def due_reminders(*, at: datetime, what: str = "reminder") -> list[tuple[Occurrence, int]]:
    """Dates whose reminder is due and not finished, each with its hours before the start: of
    several that are due, the last. ``what`` is "reminder", or "host_reminder" for hosts."""
    is_for_hosts = what == "host_reminder"
    furthest = at + timedelta(hours=max(ReminderHours.values))
    dates = Occurrence.objects.filter(
        starts_at__gt=at,
        starts_at__lte=furthest,
        cancelled_at__isnull=True,
        event__status=Event.Status.PUBLISHED,
    ).select_related("event")
    if is_for_hosts:
        dates = dates.filter(event__has_hosts=True)
    done = set(
        Mailing.objects.filter(occurrence__in=dates.order_by().values("pk")).values_list(
            "occurrence", "what"
        )
    )
    found = []
    for occurrence in dates.order_by("starts_at", "pk"):
        left = occurrence.starts_at - at
        chosen = occurrence.event.reminder_hours or (HOST_REMINDER_HOURS if is_for_hosts else [])
        due = [hours for hours in chosen if left <= timedelta(hours=hours)]
        if due and (occurrence.pk, f"{what}:{min(due)}:{occurrence.page_day}") not in done:
            found.append((occurrence, min(due)))
    return found


def due_surveys(*, at: datetime) -> list[Occurrence]:
    """Dates that are over, where those who came are asked how it was and have not been."""
    done = Mailing.objects.filter(occurrence=OuterRef("pk"), what="survey")
    return list(
        Occurrence.objects.filter(
            ends_at__lte=at - SURVEY_AFTER,
            ends_at__gt=at - SURVEY_OPEN,
            cancelled_at__isnull=True,
            event__status__in=[Event.Status.PUBLISHED, Event.Status.COMPLETED],
        )
        .exclude(event__survey=SurveyKind.OFF)
        .exclude(Exists(done))
        .select_related("event")
        .order_by("pk")
    )


def note_recipients(occurrence: Occurrence, to: Sequence[str]) -> QuerySet[Rsvp]:
    """The people of a date a note goes to, by what became of their answer."""
    came = Exists(CheckIn.objects.standing().filter(rsvp=OuterRef("pk")))
    going = Q(status=Rsvp.Status.GOING)
    parts = {
        Note.To.GOING: going,
        Note.To.WAITING: Q(status__in=[Rsvp.Status.WAITLISTED, Rsvp.Status.OFFERED]),
        Note.To.APPLIED: Q(status=Rsvp.Status.APPLIED),
        Note.To.CAME: Q(has_come=True),
        Note.To.MISSED: going & Q(has_come=False),
    }
    chosen = Q(pk__in=[])
    for name in to:
        chosen |= parts[Note.To(name)]
    return Rsvp.objects.filter(occurrence=occurrence).alias(has_come=came).filter(chosen)


def may_answer_survey(rsvp: Rsvp, *, at: datetime) -> bool:
    """Whether this person came, the date is over not too long ago, and they have not answered."""
    occurrence = rsvp.occurrence
    if occurrence.event.survey == SurveyKind.OFF:
        return False
    if not occurrence.ends_at <= at < occurrence.ends_at + SURVEY_OPEN:
        return False
    return CheckIn.objects.standing().filter(rsvp=rsvp, has_answered=False).exists()


@dataclass(frozen=True)
class SurveyCount:
    """One question of a survey: how many answered it, and how many of them said 4, 5 or yes."""

    question: str
    answered: int
    positive: int


def survey_counts(occurrence: Occurrence) -> list[SurveyCount]:
    """The raw counts of a date's survey. Only ``reports`` may show them, after its rules."""
    answers = SurveyAnswer.objects.filter(occurrence=occurrence)
    found = answers.aggregate(
        everybody=Count("pk"),
        liked_yes=Count("pk", filter=Q(liked__gte=4)),
        welcome_yes=Count("pk", filter=Q(welcome__gte=4)),
        again_yes=Count("pk", filter=Q(again=True)),
        helped_yes=Count("pk", filter=Q(helped__gte=4)),
    )
    names = ["liked", "welcome", "again"]
    if occurrence.event.survey == SurveyKind.HEALTH:
        names.append("helped")
    return [SurveyCount(name, found["everybody"], found[f"{name}_yes"]) for name in names]


@dataclass(frozen=True)
class QuarterAttendance:
    """Events of one quarter. ``people`` are distinct persons, ``visits`` everybody who came,
    companions too."""

    starts_on: date
    events_held: int
    people: int
    visits: int


def attendance_by_quarter(
    *, programme_id: int | None, time_zone: str, at: datetime
) -> list[QuarterAttendance]:
    """Dates held and who came, by calendar quarter as ``time_zone`` cuts it.

    ``programme_id`` None means the events of no programme. A date counts as held when it is
    over and was not cancelled. People are counted once in a quarter, by account or by the
    address they gave as a guest; a guest address that is an account's is that person.
    """
    quarter = TruncQuarter("starts_at", tzinfo=ZoneInfo(time_zone))
    held = (
        Occurrence.objects.filter(
            event__programme=programme_id,
            event__status__in=[Event.Status.PUBLISHED, Event.Status.COMPLETED],
            cancelled_at__isnull=True,
            ends_at__lte=at,
        )
        .annotate(quarter=quarter)
        .order_by()
        .values("quarter")
    )
    events = dict(held.annotate(total=Count("pk")).values_list("quarter", "total"))
    came = (
        CheckIn.objects.standing()
        .filter(rsvp__occurrence__in=held.values("pk"))
        .annotate(
            quarter=TruncQuarter("rsvp__occurrence__starts_at", tzinfo=ZoneInfo(time_zone)),
            # Who walked in and left no address is a visit, and nobody's second one.
            person=NullIf(Lower(Coalesce("rsvp__user__email", "rsvp__guest_email")), Value("")),
        )
        .order_by()
        .values("quarter")
        .annotate(people=Count("person", distinct=True), visits=Sum("people_count"))
        .values_list("quarter", "people", "visits")
    )
    attended = {when: (people, visits) for when, people, visits in came}
    return [
        QuarterAttendance(when.date(), total, *attended.get(when, (0, 0)))
        for when, total in sorted(events.items())
    ]


def seats_that_disagree() -> list[tuple[int, int, int]]:
    """Dates whose counter is not the sum of who is going: (date, counter, sum). Always empty."""
    going = (
        Rsvp.objects.going()
        .filter(occurrence=OuterRef("pk"))
        .order_by()
        .values("occurrence")
        .annotate(total=Sum("party_size"))
        .values("total")
    )
    counted = Occurrence.objects.annotate(
        firm=Coalesce("seats__firm", Value(-1)), total=Coalesce(Subquery(going), Value(0))
    )
    wrong = counted.exclude(firm=F("total")).order_by("pk")
    return list(wrong.values_list("pk", "firm", "total"))


def overfull_dates(event: Event | None = None) -> list[Seats]:
    """Dates with fewer places than people, after a capacity was lowered; of one event or of all."""
    over = Seats.objects.filter(firm__gt=F("capacity")).select_related("occurrence__event")
    if event is not None:
        over = over.filter(occurrence__event=event)
    return list(over.order_by("pk"))


def events_with_regulars() -> QuerySet[Event]:
    """Published events that somebody comes to every time."""
    regulars = SeriesRsvp.objects.filter(status=SeriesRsvp.Status.ACTIVE)
    return Event.objects.filter(
        status=Event.Status.PUBLISHED, pk__in=regulars.values("event")
    ).order_by("pk")


def series_to_extend(*, until: date) -> QuerySet[Series]:
    """Series that may have dates up to ``until`` which are not made yet."""
    going_on = Q(ends_on=None) | Q(made_until__lt=F("ends_on"))
    return Series.objects.filter(
        going_on,
        made_until__lt=until,
        event__status__in=[Event.Status.DRAFT, Event.Status.PUBLISHED],
    ).order_by("pk")


def dates_with_room_and_queue(*, at: datetime) -> list[int]:
    """Dates where the queue should be served: somebody waits who would fit (a hold ran out, or a
    wake was lost), or an offer ran out and nobody has looked since."""
    held = (
        Rsvp.objects.holding(at=at)
        .filter(occurrence=OuterRef("pk"))
        .order_by()
        .values("occurrence")
        .annotate(total=Sum("party_size"))
        .values("total")
    )
    waiting = Rsvp.objects.waiting().filter(occurrence=OuterRef("pk"))
    smallest = (
        waiting.order_by().values("occurrence").annotate(least=Min("party_size")).values("least")
    )
    first = waiting.values("party_size")[:1]
    dates = (
        Occurrence.objects.filter(
            starts_at__gt=at, cancelled_at__isnull=True, event__status=Event.Status.PUBLISHED
        )
        .annotate(
            held=Coalesce(Subquery(held), Value(0)),
            least=Case(
                When(event__skips_large_parties=True, then=Subquery(smallest)),
                default=Subquery(first),
            ),
        )
        .filter(least__isnull=False)
        .filter(
            Q(seats__capacity__isnull=True)
            | Q(seats__capacity__gte=F("seats__firm") + F("held") + F("least"))
        )
    )
    lapsed = Rsvp.objects.lapsed(at=at).values_list("occurrence", flat=True)
    return sorted({*dates.values_list("pk", flat=True), *lapsed})


def people_to_tell(occurrence: Occurrence) -> Iterable[tuple[int, str, int | None, str]]:
    """Those who must hear about a change (going, waiting, or with a place on hold): the key and
    reference of their RSVP, the key of the yes to every date in whose one entry it is, and their
    address. Who walked in has none."""
    repeats = Case(When(series_rsvp__is_repeating=True, then="series_rsvp"))
    return (
        Rsvp.objects.active()
        .filter(occurrence=occurrence)
        .exclude(status=Rsvp.Status.PENDING)
        .annotate(address=Coalesce("user__email", "guest_email", output_field=CharField()))
        .exclude(address="")
        .order_by("pk")
        .values_list("pk", "reference", repeats, "address")
    )


def rsvps_to_write_to(ids: Iterable[int]) -> dict[int, Rsvp]:
    """Those RSVPs by their keys, with all that a mail to them needs."""
    related = ("occurrence__event", "occurrence__series", "series_rsvp", "user")
    found = Rsvp.objects.filter(pk__in=ids).select_related(*related)
    rsvps = {rsvp.pk: rsvp for rsvp in found.annotate(position=_position())}
    events: dict[int, Event] = {}
    for rsvp in rsvps.values():
        # One event is one: what a mail asks about it is asked once for all of them.
        event = rsvp.occurrence.event
        rsvp.occurrence.event = events.setdefault(event.pk, event)
    return rsvps


def dates_for_programs(
    chosen: Mapping[str, Any], *, key: ApiKey | None, at: datetime
) -> QuerySet[Occurrence]:
    """Dates still to come, as a program may read them, with the places that are ``held``.

    Without a key, what the public list shows; with one, every event that it reaches.
    """
    if key is None:
        return with_held(listed_dates(AnonymousUser(), chosen, at=at), at=at)
    published = Occurrence.objects.filter(event__in=Event.objects.reached_by(key)).upcoming(at=at)
    return with_held(chosen_dates(published, chosen).select_related("event", "seats"), at=at)


def with_held(dates: QuerySet[Occurrence], *, at: datetime) -> QuerySet[Occurrence]:
    """The same dates, each with how many places timed holds take (``held``)."""
    holding = Rsvp.objects.holding(at=at).filter(occurrence=OuterRef("pk"))
    total = holding.order_by().values("occurrence").annotate(total=Sum("party_size"))
    return dates.annotate(held=Coalesce(total.values("total"), 0))


@dataclass(frozen=True)
class Money:
    """What a party has paid for its places."""

    paid_minor: int
    returned_minor: int
    """Given back, or on its way."""
    currency: str
    references: tuple[str, ...]
    """Of what was paid: they stand on card statements."""
    is_begun: bool
    """Whether a payment page is open, on which they may just have paid."""
    back_minor: int = 0
    """What goes back by itself if they leave at this moment."""
    back_until: datetime | None = None
    """Until when something of it does, or did."""
    is_by_another: bool = False
    """Whether somebody else has paid, who then gave them the place."""

    @property
    def left_minor(self) -> int:
        return self.paid_minor - self.returned_minor


def money_of(rsvp: Rsvp, *, at: datetime) -> Money:
    """What a party has paid, and what leaving at ``at`` gives back. Needs ``occurrence.event``."""
    payments = list(
        Payment.objects.filter(rsvp=rsvp).select_related("charge").order_by("charge_id")
    )
    paid = [one for one in payments if one.charge.is_paid]
    standing = Refund.objects.standing().filter(charge__in=[one.charge_id for one in paid])
    sums = standing.order_by().values_list("charge").annotate(total=Sum("amount_minor"))
    returned: dict[int, int] = dict(sums)
    until = {one.pk: one.goes_back_until(rsvp.occurrence) for one in paid}
    moments = [moment for moment in until.values() if moment is not None]
    back = 0
    for one in paid:
        moment = until[one.pk]
        if moment is not None and at < moment:
            back += one.charge.amount_minor - returned.get(one.charge_id, 0)
    return Money(
        paid_minor=sum(one.charge.amount_minor for one in paid),
        returned_minor=sum(returned.values()),
        currency=paid[0].charge.currency if paid else rsvp.occurrence.event.currency,
        references=tuple(one.charge.reference for one in paid),
        is_begun=any(one.charge.status == "open" and not one.charge.closing_at for one in payments),
        back_minor=back,
        back_until=max(moments) if moments else None,
        is_by_another=any(
            one.charge.paid_at is not None and one.charge.paid_at < rsvp.placed_at for one in paid
        ),
    )


def events_with_money(user: User, *, at: datetime) -> QuerySet[Event]:
    """Events with a price or with payments whose money this person looks after: those they run,
    and for finance every one that was published."""
    seen = Event.objects.editable_by(user, at=at)
    if has_role(user, Role.FINANCE, at=at):
        seen = Event.objects.exclude(status=Event.Status.DRAFT) | seen
    payments = Payment.objects.filter(rsvp__occurrence__event=OuterRef("pk"))
    priced = ~Q(price_kind=PriceKind.FREE)
    return Event.objects.filter(priced | Exists(payments), pk__in=seen.values("pk"))


@dataclass(frozen=True)
class Sums:
    """What was paid for an event, in its currency."""

    paid_minor: int = 0
    returned_minor: int = 0
    count: int = 0
    currency: str = ""

    @property
    def kept_minor(self) -> int:
        return self.paid_minor - self.returned_minor


def money_by_event(event_ids: Sequence[int]) -> dict[int, Sums]:
    """What was paid and given back, by event; two statements for any number of them."""
    key = "rsvp__occurrence__event"
    paid = (
        Payment.objects.paid()
        .filter(**{f"{key}__in": event_ids})
        .order_by()
        .values(key)
        .annotate(total=Sum("charge__amount_minor"), n=Count("pk"), money=Max("charge__currency"))
    )
    through = f"charge__payment__{key}"
    returned = dict(
        Refund.objects.standing()
        .filter(**{f"{through}__in": event_ids})
        .order_by()
        .values_list(through)
        .annotate(total=Sum("amount_minor"))
    )
    return {
        row[key]: Sums(row["total"], returned.get(row[key], 0), row["n"], row["money"])
        for row in paid
    }


def paid_and_returned(event: Event) -> Sums:
    return money_by_event([event.pk]).get(event.pk, Sums(currency=event.currency))


def payments_of(event: Event) -> QuerySet[Payment]:
    """Every payment of an event, the newest first, with what was given back of it, and whether
    something about it waits for somebody."""
    refunds = Refund.objects.filter(charge=OuterRef("charge")).order_by()
    back = refunds.standing().values("charge").annotate(total=Sum("amount_minor"))
    return (
        Payment.objects.filter(rsvp__occurrence__event=event)
        .select_related("charge", "rsvp__user", "rsvp__occurrence")
        .annotate(
            returned_minor=Coalesce(back.values("total"), 0),
            has_failed=Exists(refunds.filter(status=Refund.Status.FAILED, seen_at=None)),
        )
        .order_by("-charge_id")
    )


def money_needs(user: User, *, at: datetime) -> list[NeedsYou]:
    """What about money waits for those who run an event, and for finance."""
    roles = (Role.COORDINATOR, Role.FINANCE)
    if not has_role(user, *roles, at=at):
        return []
    payments = Payment.objects.filter(rsvp__occurrence__event=OuterRef("pk"))
    failed = Refund.objects.filter(status=Refund.Status.FAILED, seen_at=None)
    # Who was given something since it was called off was looked at.
    called_off_at = Coalesce(
        OuterRef("rsvp__occurrence__cancelled_at"),
        OuterRef("rsvp__occurrence__event__cancelled_at"),
    )
    since = Refund.objects.filter(charge=OuterRef("charge"), asked_at__gte=called_off_at)
    looked_at = since.exclude(kind=Refund.Kind.LEFT)
    to_give_back = payments.with_money_left().called_off().filter(is_deposit=False)
    events = events_with_money(user, at=at).annotate(
        has_failed=Exists(payments.filter(charge__in=failed.values("charge"))),
        is_disputed=Exists(payments.filter(charge__dispute=Charge.Dispute.OPEN)),
        is_off=Exists(to_give_back.exclude(Exists(looked_at))),
    )
    open_ = events.filter(Q(has_failed=True) | Q(is_disputed=True) | Q(is_off=True)).order_by("pk")
    found = []
    for event in open_[:20]:
        if event.has_failed:
            title = _("%(event)s: a refund has failed")
        elif event.is_disputed:
            title = _("%(event)s: a payment is disputed")
        else:
            title = _("%(event)s: it was called off, and not everybody has their money back")
        url = reverse("events:staff-payments", args=[event.slug])
        found.append(NeedsYou(title=title % {"event": event.title}, url=url, kind="event"))
    return found
