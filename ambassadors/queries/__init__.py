"""Reads that are more than one question to one table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Exists, IntegerField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Role, StaffGrant, User
from ambassadors.models import (
    Acceptance,
    Agreement,
    AgreementText,
    AgreementVersion,
    Application,
    Consent,
    Delegate,
    Enrolment,
    EnrolmentStatus,
    Invitation,
    Programme,
    ProgrammeContact,
    PublicCard,
    Review,
    RosterImport,
    Round,
    Term,
)
from ambassadors.models.enrolments import BEEN_IN, JOINING
from ambassadors.rules import SET_UP
from common.needs import NeedsYou
from common.tokens import digest

# --- Consent and agreements ---------------------------------------------------


def has_health_consent(user: User, *, at: dt.datetime) -> bool:
    """Whether ``user`` has said yes to health data being handled, and it stood at ``at``."""
    return Consent.objects.filter(
        Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=at), user=user, given_at__lte=at
    ).exists()


def current_version(kind: Agreement.Kind) -> AgreementVersion | None:
    """The newest published version of this kind of text."""
    return (
        AgreementVersion.objects.filter(agreement__kind=kind)
        .order_by("-published_at", "-pk")
        .first()
    )


def required_version(term: Term) -> AgreementVersion | None:
    """What people of ``term`` agree to: its own version, or else the newest."""
    return term.agreement_version or current_version(Agreement.Kind.AGREEMENT)


def enough_from(required: AgreementVersion) -> int:
    """The oldest version an acceptance of which still counts: later ones changed only words."""
    material = AgreementVersion.objects.filter(
        agreement=required.agreement_id, number__lte=required.number, is_material=True
    )
    newest: int | None = material.aggregate(n=Max("number"))["n"]
    return newest or 1


def owing_agreement(required: AgreementVersion) -> QuerySet[Enrolment]:
    """Active and paused people who agreed to a version that ``required`` changed materially."""
    agreed = Acceptance.objects.filter(
        enrolment=OuterRef("pk"), version__agreement=required.agreement_id
    )
    return (
        Enrolment.objects.filter(
            status__in=[EnrolmentStatus.ACTIVE, EnrolmentStatus.PAUSED],
            term__ended_at__isnull=True,
        )
        .filter(Exists(agreed))
        .exclude(Exists(agreed.filter(version__number__gte=enough_from(required))))
    )


def owes_agreement(enrolment: Enrolment) -> bool:
    """Whether its person has to read a changed agreement and say yes to it."""
    required = required_version(enrolment.term)
    return required is not None and owing_agreement(required).filter(pk=enrolment.pk).exists()


def is_country_known(*, user: User | None, market: str) -> bool:
    """Whether ``user`` need not be asked if they live in the country of a term.

    A term for any country asks nobody. Whoever has said so for another of the same country, or
    has been in one, is not asked again.
    """
    if not market or user is None:
        return not market
    there = Enrolment.objects.filter(user=user, term__market=market)
    return there.filter(Q(country_said_at__isnull=False) | Q(status__in=BEEN_IN)).exists()


def owes_country(enrolment: Enrolment) -> bool:
    """Whether this person still has to say that they live in the country of their term.

    An application has answered it in its round, and where a roster named the country it is known.
    Nobody becomes active owing it: a trigger of the table asks the same.
    """
    return (
        enrolment.status in (EnrolmentStatus.INVITED, EnrolmentStatus.ONBOARDING)
        and not is_country_known(user=enrolment.user, market=enrolment.term.market)
        and not enrolment.changes.filter(to_status=EnrolmentStatus.APPLIED).exists()
        and not enrolment.invitations.filter(is_country_known=True).exists()
    )


def owing_consent(newest: AgreementVersion) -> QuerySet[Consent]:
    """Standing consents to a text that ``newest`` changed materially."""
    return Consent.objects.filter(
        withdrawn_at__isnull=True,
        version__agreement=newest.agreement_id,
        version__number__lt=enough_from(newest),
    )


def consent_has_changed(standing: Consent) -> bool:
    """Whether the text this person said yes to has a materially newer version."""
    newest = current_version(Agreement.Kind.HEALTH_CONSENT)
    return newest is not None and owing_consent(newest).filter(pk=standing.pk).exists()


def texts_with_counts() -> list[TextStanding]:
    """Each agreement with its newest version, and how many people have yet to answer it."""
    standings = []
    for agreement in Agreement.objects.order_by("kind", "name"):
        newest = (
            agreement.versions.select_related("agreement")
            .prefetch_related("texts")
            .order_by("-number")
            .first()
        )
        if newest is None:
            continue
        if agreement.kind == Agreement.Kind.AGREEMENT:
            owing = asked_again(newest).count()
        else:
            owing = owing_consent(newest).count()
        standings.append(TextStanding(agreement, newest, owing))
    return standings


def asked_again(version: AgreementVersion) -> QuerySet[Enrolment]:
    """Those who owe ``version`` itself: their term asks for it or for the newest."""
    return owing_agreement(version).filter(_asked_for(version))


def _asked_for(version: AgreementVersion) -> Q:
    return Q(term__agreement_version=version) | Q(term__agreement_version__isnull=True)


@dataclass(frozen=True)
class TextStanding:
    """An agreement for the list of the staff console."""

    agreement: Agreement
    newest: AgreementVersion
    owing: int


def text_in(version: AgreementVersion | None, language: str) -> AgreementText | None:
    """``version`` in ``language``; in English (and its ``locale`` says so) where there is none."""
    if version is None:
        return None
    return (
        AgreementText.objects.filter(version=version)
        .in_language_or_english(language)
        .select_related("version")
        .first()
    )


# --- Invitations and places ---------------------------------------------------


def invitation_by_secret(secret: str) -> Invitation | None:
    """The invitation that a link opens, whatever has become of it."""
    return (
        Invitation.objects.filter(secret_digest=digest("invitation", secret))
        .select_related("term__programme", "enrolment")
        .first()
    )


def standing_invitation(*, term: Term, email: str) -> Invitation | None:
    """The invitation of ``email`` that stands or was accepted; revoked and declined are past."""
    return Invitation.objects.filter(
        term=term, email=email, revoked_at__isnull=True, declined_at__isnull=True
    ).first()


def places_left(term: Term) -> int | None:
    """Places neither taken nor promised by an open invitation; None where there is no limit."""
    if term.capacity is None:
        return None
    taken = Enrolment.objects.filter(term=term).current().count()
    promised = Invitation.objects.filter(term=term).standing().count()
    return max(0, term.capacity - taken - promised)


# --- People as they show themselves ---------------------------------------------


def showable_programmes(user: User) -> QuerySet[Programme]:
    """Where ``user`` may ask to be shown: their programmes that are public and say nothing
    private about a person."""
    mine = Enrolment.objects.filter(
        user=user, status__in=[EnrolmentStatus.ACTIVE, EnrolmentStatus.PAUSED]
    )
    return Programme.objects.filter(
        is_listed=True, is_sensitive=False, pk__in=mine.values("term__programme")
    ).order_by("name")


def cards_shown(users: Iterable[int], *, at: dt.datetime) -> dict[int, PublicCard]:
    """A card of each of these people that anybody can see, by the person's key."""
    active = Enrolment.objects.active(at=at).filter(
        term__programme=OuterRef("programme"), user=OuterRef("user")
    )
    cards = PublicCard.objects.filter(
        Exists(active), user__in=users, programme__is_listed=True, programme__is_sensitive=False
    )
    cards = cards.select_related("programme", "user").order_by("-programme__name", "-pk")
    return {card.user_id: card for card in cards}


def contact_of(programme: Programme, *, at: dt.datetime) -> ProgrammeContact | None:
    """Whom its people ask now; nobody once that person no longer coordinates it."""
    standing = programme.contacts.filter(until_at__isnull=True).exclude(_has_left(at))
    return standing.select_related("user").first()


def programmes_without_their_contact(
    programmes: QuerySet[Programme], *, at: dt.datetime
) -> QuerySet[Programme]:
    """Those whose contact no longer coordinates them, so that somebody has to be named."""
    gone = ProgrammeContact.objects.filter(_has_left(at), until_at__isnull=True)
    return programmes.filter(pk__in=gone.values("programme")).order_by("name")


def _has_left(at: dt.datetime) -> Q:
    """Of a contact: whether they no longer coordinate the programme at ``at``."""
    grants = StaffGrant.objects.active(at=at).filter(
        Q(all_programmes=True) | Q(programmes__programme=OuterRef("programme")),
        role=Role.COORDINATOR,
        user=OuterRef("user"),
        user__is_active=True,
    )
    return ~Q(Exists(grants))


def coordinators_of(programme: Programme, *, at: dt.datetime) -> QuerySet[User]:
    """Those who may be its contact."""
    grants = StaffGrant.objects.active(at=at).filter(role=Role.COORDINATOR)
    reach = Q(all_programmes=True) | Q(programmes__programme=programme)
    return User.objects.filter(is_active=True, pk__in=grants.filter(reach).values("user")).order_by(
        "name", "email"
    )


# --- Lists of the staff console -----------------------------------------------


def _count(rows: QuerySet[Enrolment] | QuerySet[Invitation], outer: str) -> Coalesce:
    counted = (
        rows.filter(**{outer: OuterRef("pk")})
        .order_by()
        .values(outer)
        .annotate(n=Count("pk"))
        .values("n")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def programmes_with_counts(programmes: QuerySet[Programme]) -> QuerySet[Programme]:
    """With ``active_count`` and ``term_count``; one query for any number of programmes."""
    terms = (
        Term.objects.filter(programme=OuterRef("pk"))
        .order_by()
        .values("programme")
        .annotate(n=Count("pk"))
        .values("n")
    )
    active = Enrolment.objects.filter(status=EnrolmentStatus.ACTIVE)
    return programmes.annotate(
        active_count=_count(active, "term__programme"),
        term_count=Coalesce(Subquery(terms, output_field=IntegerField()), 0),
    ).order_by("name")


def terms_with_counts(programme: Programme) -> QuerySet[Term]:
    """Terms, newest first, with ``active_count``, ``joining_count`` and ``invited_count``."""
    return programme.terms.annotate(
        active_count=_count(Enrolment.objects.filter(status=EnrolmentStatus.ACTIVE), "term"),
        joining_count=_count(Enrolment.objects.filter(status__in=JOINING), "term"),
        invited_count=_count(Invitation.objects.standing(), "term"),
    ).order_by("-starts_on", "name")


def people_of(term: Term, *, status: str = "", q: str = "") -> QuerySet[Enrolment]:
    """Enrolments of ``term`` by name, of one status, whose name or address contains ``q``."""
    people = term.enrolments.select_related("user").order_by("user__name", "user__email", "pk")
    if status:
        people = people.filter(status=status)
    if q:
        people = people.filter(Q(user__name__icontains=q) | Q(user__email__icontains=q))
    return people


def next_terms(term: Term, *, at: dt.datetime) -> QuerySet[Term]:
    """Where people of ``term`` can go on: the terms of its programme that are not over."""
    others = term.programme.terms.exclude(pk=term.pk).filter(
        ended_at__isnull=True, ends_on__gte=term.programme.today(at=at)
    )
    return others.order_by("starts_on", "name")


def count_statuses(term: Term) -> dict[str, int]:
    counted = term.enrolments.order_by().values_list("status").annotate(n=Count("pk"))
    return {**dict.fromkeys(EnrolmentStatus.values, 0), **dict(counted)}


def open_invitations(term: Term, *, q: str = "") -> QuerySet[Invitation]:
    """Everything that was not accepted, newest first: also what was revoked or declined."""
    invitations = term.invitations.filter(accepted_at__isnull=True).order_by("-invited_at", "-pk")
    if q:
        invitations = invitations.filter(Q(name__icontains=q) | Q(email__icontains=q))
    return invitations


def count_invitations(term: Term, *, at: dt.datetime) -> dict[str, int]:
    """How many are in the list of open invitations, and how many of them ran out unanswered."""
    run_out = Q(revoked_at__isnull=True, declined_at__isnull=True, expires_at__lte=at)
    return term.invitations.filter(accepted_at__isnull=True).aggregate(
        open=Count("pk"), run_out=Count("pk", filter=run_out)
    )


# --- What portal asks ---------------------------------------------------------


def needs_you(user: User, *, at: dt.datetime) -> list[NeedsYou]:
    """What waits for ``user``: joining that they began, and for coordinators rosters and terms."""
    waiting = [
        NeedsYou(
            title=_("Finish joining your programme"),
            url=reverse("ambassadors:join-step", args=[enrolment.pk]),
            kind="enrolment",
        )
        for enrolment in Enrolment.objects.filter(
            user=user, status__in=JOINING, term__ended_at__isnull=True
        ).order_by("pk")
    ]
    waiting += _changed_texts(user)
    waiting += _applications(user, at=at)
    set_up = Programme.objects.run_by(user, *SET_UP, at=at)
    waiting += [
        NeedsYou(
            title=_("%(programme)s: its contact no longer coordinates it. Name another")
            % {"programme": programme.name},
            url=f"/staff/programmes/{programme.slug}/",
            kind="contact",
        )
        for programme in programmes_without_their_contact(set_up, at=at)
    ]
    run = Programme.objects.run_by(user, Role.COORDINATOR, at=at)
    rosters = RosterImport.objects.filter(state=RosterImport.State.READ, term__programme__in=run)
    for roster in rosters.select_related("term__programme").order_by("pk"):
        waiting.append(
            NeedsYou(
                title=_("%(programme)s, %(term)s: a roster has been read and waits for your yes")
                % {"programme": roster.term.programme.name, "term": roster.term.name},
                url=reverse("ambassadors:roster", args=[roster.pk]),
                kind="roster",
            )
        )
    expired = (
        Invitation.objects.run_out(at=at)
        .filter(term__programme__in=run, term__ended_at__isnull=True)
        .order_by("term__programme__name", "term__name", "term")
        .values_list("term", "term__name", "term__programme__name")
        .annotate(n=Count("pk"))
    )
    for term_id, term, programme, count in expired:
        title = ngettext(
            "%(programme)s, %(term)s: %(n)d invitation has run out unanswered",
            "%(programme)s, %(term)s: %(n)d invitations have run out unanswered",
            count,
        )
        waiting.append(
            NeedsYou(
                title=title % {"programme": programme, "term": term, "n": count},
                url=reverse("ambassadors:staff-invitations", args=[term_id]),
                kind="invitation",
            )
        )
    return waiting


def _applications(user: User, *, at: dt.datetime) -> list[NeedsYou]:
    """Drafts before they are too late, applications to read, rounds to decide."""
    drafts = Application.objects.filter(
        user=user, status=Application.Status.DRAFT, round__closes_at__gt=at
    ).select_related("round")
    waiting = [
        NeedsYou(
            title=_("Your application is a draft: send it before the round closes"),
            url=reverse("ambassadors:application", args=[draft.pk]),
            kind="application",
            due_at=draft.round.closes_at,
        )
        for draft in drafts.order_by("round__closes_at")
    ]
    read = Review.objects.filter(reviewer=user, application=OuterRef("pk"))
    unread = (
        Application.objects.reviewable_by(user)
        .filter(~Exists(read), status=Application.Status.SUBMITTED)
        .count()
    )
    if unread:
        title = ngettext(
            "%(n)d application waits for your review",
            "%(n)d applications wait for your review",
            unread,
        )
        waiting.append(
            NeedsYou(title=title % {"n": unread}, url=reverse("ambassadors:reviews"), kind="review")
        )
    undecided = (
        Round.objects.run_by(user, at=at)
        .filter(closes_at__lte=at, applications__status=Application.Status.SUBMITTED)
        .distinct()
        .select_related("term__programme")
        .order_by("closes_at", "pk")
    )
    waiting += [
        NeedsYou(
            title=_("%(programme)s, %(round)s: the round has closed and waits for decisions")
            % {"programme": row.term.programme.name, "round": row.name},
            url=reverse("ambassadors:staff-round", args=[row.pk]),
            kind="round",
            due_at=row.announce_at,
        )
        for row in undecided
    ]
    return waiting


def _changed_texts(user: User) -> list[NeedsYou]:
    """What this person said yes to and has to be asked again, because it changed materially."""
    mine = (
        Enrolment.objects.filter(
            user=user,
            status__in=[EnrolmentStatus.ACTIVE, EnrolmentStatus.PAUSED],
            term__ended_at__isnull=True,
        )
        .select_related("term__agreement_version")
        .order_by("pk")
    )
    waiting = [
        NeedsYou(
            title=_("The agreement of your programme has changed: read it and decide"),
            url=reverse("ambassadors:join-step", args=[enrolment.pk]),
            kind="enrolment",
        )
        for enrolment in mine
        if owes_agreement(enrolment)
    ]
    newest = current_version(Agreement.Kind.HEALTH_CONSENT)
    if newest is not None and owing_consent(newest).filter(user=user).exists():
        waiting.append(
            NeedsYou(
                title=_("A text about your privacy has changed: read it and decide"),
                url=reverse("ambassadors:my-consent"),
                kind="enrolment",
            )
        )
    return waiting


@dataclass(frozen=True)
class HomeCard:
    """What ``/me/`` shows of somebody's programmes (``ambassadors/_home_card.html``)."""

    enrolments: Sequence[Enrolment]
    delegations: Sequence[Delegate]


def home_cards(user: User, *, at: dt.datetime) -> list[HomeCard]:
    """One card: the terms ``user`` is in or is joining, and whose dates they handle.

    None for whoever has neither.
    """
    enrolments = list(
        Enrolment.objects.current()
        .filter(user=user, term__ended_at__isnull=True)
        .with_term()
        .order_by("term__ends_on", "pk")
    )
    delegations = list(
        Delegate.objects.held_by(user, at=at).select_related("ambassador").order_by("pk")
    )
    return [HomeCard(enrolments, delegations)] if enrolments or delegations else []


# --- Figures for reports ------------------------------------------------------


@dataclass(frozen=True)
class EnrolledCount:
    """Distinct people who were active at any moment of a quarter.

    ``programme_id`` is None in the rows that count across programmes: a person in two of them
    is one person there, so these are not sums of the others.
    """

    programme_id: int | None
    quarter_starts_on: dt.date
    people: int


_ENROLLED = """
    WITH spell AS (
        SELECT c.enrolment_id, c.to_status, c.at AS began_at,
               lead(c.at) OVER (PARTITION BY c.enrolment_id ORDER BY c.id) AS ended_at
        FROM ambassadors_enrolmentchange c
    ), quarter AS (
        SELECT starts::date AS starts_on, (starts + interval '3 months')::date AS next_on
        FROM generate_series(date_trunc('quarter', %(first)s::timestamp),
                             %(last)s::timestamp, interval '3 months') AS starts
    ), active AS (
        SELECT DISTINCT t.programme_id, q.starts_on, e.user_id
        FROM spell s
        JOIN ambassadors_enrolment e ON e.id = s.enrolment_id
        JOIN ambassadors_term t ON t.id = e.term_id
        JOIN ambassadors_programme p ON p.id = t.programme_id
        -- The days of the spell where the programme is, within the days of its term.
        JOIN quarter q
          ON (s.began_at AT TIME ZONE p.time_zone)::date < q.next_on
         AND coalesce((s.ended_at AT TIME ZONE p.time_zone)::date, 'infinity') >= q.starts_on
         AND t.starts_on < q.next_on AND t.ends_on >= q.starts_on
        WHERE s.to_status = 'active'
    )
    SELECT programme_id, starts_on, count(DISTINCT user_id)
    FROM active
    GROUP BY GROUPING SETS ((programme_id, starts_on), (starts_on))
    ORDER BY starts_on, programme_id NULLS FIRST
"""


def count_enrolled_people(*, first: dt.date, last: dt.date) -> list[EnrolledCount]:
    """Active people by quarter from that of ``first`` to that of ``last``, by programme and in all.

    Quarters are cut in each programme's own zone. Unpublished figures: disclosure control is
    the caller's. Programmes and quarters without anybody have no row.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ENROLLED, {"first": first, "last": last})
        return [EnrolledCount(*row) for row in cursor.fetchall()]
