"""Who comes, who waits, and how many places that takes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common import tokens
from common.codes import new_reference
from events.models.events import Occurrence

if TYPE_CHECKING:
    from accounts.models import User
    from events.models.series import SeriesRsvp


def new_rsvp_reference() -> str:
    """A name for an RSVP that a person can read aloud. It opens nothing by itself."""
    return new_reference(10)


class Seats(models.Model):
    """How many places of one date are firmly taken. The row is the lock for them.

    Nothing in the application writes it: triggers keep it from the RSVP rows and from the
    occurrence's capacity, and refuse every other writer. No foreign key references it, so
    locking it for a claim does not queue behind the key locks that new RSVP rows take.
    """

    occurrence = models.OneToOneField(
        Occurrence,
        models.CASCADE,
        verbose_name=_("date"),
        primary_key=True,
        related_name="seats",
    )
    capacity = models.PositiveIntegerField(_("places"), null=True)
    firm = models.IntegerField(_("places taken by people who are going"))

    class Meta:
        verbose_name = _("seats")
        verbose_name_plural = _("seats")
        constraints = [
            models.CheckConstraint(condition=Q(firm__gte=0), name="seats_never_negative"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="kept_by_triggers",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF pg_trigger_depth() < 2 THEN
                        RAISE EXCEPTION 'events_seats is kept by triggers from the RSVP rows'
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'seats_kept_by_triggers';
                    END IF;
                    RETURN NEW;
                """,
            ),
            # Capacity may be lowered below what is taken (a smaller room): nobody loses a place,
            # and nobody new gets one until enough have left. So only a rise is refused.
            pgtrigger.Trigger(
                name="never_oversold",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("NEW.firm > NEW.capacity AND NEW.firm > OLD.firm"),
                func="""
                    RAISE EXCEPTION 'no places left: % of % taken', OLD.firm, NEW.capacity
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'seats_never_oversold';
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.firm}/{self.capacity}"


class RsvpQuerySet(models.QuerySet["Rsvp"]):
    def active(self) -> Self:
        """Those that stand: coming, may come, or waiting."""
        return self.filter(status__in=Rsvp.ACTIVE)

    def going(self) -> Self:
        return self.filter(status=Rsvp.Status.GOING)

    def waiting(self) -> Self:
        """The queue of a date, first in line first."""
        return self.filter(status=Rsvp.Status.WAITLISTED).order_by("queued_at", "pk")

    def holding(self, *, at: datetime) -> Self:
        """Timed holds that still count at ``at``. Expiry is a comparison, not a job."""
        return self.filter(status__in=Rsvp.TIMED, hold_expires_at__gt=at)

    def lapsed(self, *, at: datetime) -> Self:
        """Offers nobody took in time, and places nobody paid. The clock ended them; the next look
        at the date says so."""
        ends = [Rsvp.Status.OFFERED, Rsvp.Status.PAYING]
        return self.filter(status__in=ends, hold_expires_at__lte=at)

    def named(self) -> Self:
        """Those that still say whose they are."""
        return self.filter(forgotten_at__isnull=True)

    def of_user(self, user: User) -> Self:
        return self.filter(user=user)

    def of_guest(self, email: str) -> Self:
        return self.alias(address=Lower("guest_email")).filter(address=email.lower())


class Rsvp(models.Model):
    """One person's answer for one date, with whom they bring.

    A person who leaves and comes back has a new row: the old one is history.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for you to confirm")
        APPLIED = "applied", _("Asked to come")
        WAITLISTED = "waitlisted", _("On the waiting list")
        OFFERED = "offered", _("A place is offered")
        PAYING = "paying", _("Paying")
        GOING = "going", _("Going")
        MAYBE = "maybe", _("Maybe")
        DECLINED = "declined", _("Declined")
        LEFT = "left", _("Left")
        RELEASED = "released", _("Place released")

    ACTIVE: ClassVar[tuple[str, ...]] = (
        Status.PENDING,
        Status.APPLIED,
        Status.WAITLISTED,
        Status.OFFERED,
        Status.PAYING,
        Status.GOING,
        Status.MAYBE,
    )
    TIMED: ClassVar[tuple[str, ...]] = (Status.PENDING, Status.OFFERED, Status.PAYING)

    occurrence = models.ForeignKey(
        Occurrence, models.PROTECT, verbose_name=_("date"), related_name="rsvps"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("person"),
        null=True,
        blank=True,
        related_name="rsvps",
    )
    guest_name = models.CharField(_("name"), max_length=120, blank=True)
    guest_email = models.EmailField(_("e-mail address"), blank=True)
    language = models.CharField(_("language of mails"), max_length=12, default="en")
    party_size = models.PositiveSmallIntegerField(_("people"), default=1)
    companions = ArrayField(
        models.CharField(max_length=120),
        verbose_name=_("names of those who come along"),
        default=list,
        blank=True,
    )
    status = models.CharField(_("status"), max_length=12, choices=Status.choices)
    reference = models.CharField(_("reference"), max_length=12, unique=True, editable=False)
    link_generation = models.PositiveSmallIntegerField(_("generation of the link"), default=0)
    is_discreet = models.BooleanField(_("neutral title in my calendar"), default=False)
    # Google keeps what a person declined as declined, whatever a later mail with the same UID
    # says. So who comes back has an entry of their own.
    uid_generation = models.PositiveSmallIntegerField(_("times they came back"), default=0)
    # The yes to every date through which they came to this one.
    series_rsvp = models.ForeignKey(
        "events.SeriesRsvp",
        models.PROTECT,
        verbose_name=_("RSVP to the series"),
        null=True,
        blank=True,
        related_name="rsvps",
    )
    placed_at = models.DateTimeField(_("answered"))
    # Its own column: the queue is ordered by when a person joined it, not by when the row was made.
    # An offer keeps it: should the room become smaller, that person has their turn back.
    queued_at = models.DateTimeField(_("joined the queue"), null=True, blank=True)
    hold_expires_at = models.DateTimeField(_("held until"), null=True, blank=True)
    is_approved = models.BooleanField(
        _("what the hosts said to the request"), null=True, blank=True, editable=False
    )
    # Somebody the place is given to, until they have said yes.
    heir_name = models.CharField(_("name of who gets the place"), max_length=120, blank=True)
    heir_email = models.EmailField(_("address of who gets the place"), blank=True)
    changed_at = models.DateTimeField(_("changed"))
    # From then on it says how many came and how it went, and nothing of who it was.
    forgotten_at = models.DateTimeField(
        _("name and address deleted"), null=True, blank=True, editable=False
    )

    objects = RsvpQuerySet.as_manager()

    class Meta:
        verbose_name = _("RSVP")
        verbose_name_plural = _("RSVPs")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "pending",
                        "applied",
                        "waitlisted",
                        "offered",
                        "paying",
                        "going",
                        "maybe",
                        "declined",
                        "left",
                        "released",
                    ]
                ),
                name="rsvp_status_known",
            ),
            models.CheckConstraint(
                condition=Q(party_size__gte=1, party_size__lte=50), name="rsvp_party_counted"
            ),
            models.CheckConstraint(
                condition=Q(companions__len__lt=F("party_size")) | Q(companions__len=0),
                name="rsvp_companions_counted",
            ),
            models.CheckConstraint(
                # Who walks in may leave no address, and then has a name at least.
                condition=Q(user__isnull=False, guest_email="")
                | (Q(user__isnull=True) & ~Q(guest_email="", guest_name=""))
                | Q(forgotten_at__isnull=False),
                name="rsvp_user_or_guest",
            ),
            models.CheckConstraint(
                condition=Q(forgotten_at__isnull=True)
                | Q(
                    user__isnull=True,
                    guest_name="",
                    guest_email="",
                    companions__len=0,
                    heir_name="",
                    heir_email="",
                    series_rsvp__isnull=True,
                ),
                name="rsvp_forgotten_names_nobody",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waitlisted", "offered"], queued_at__isnull=False)
                | (~Q(status__in=["waitlisted", "offered"]) & Q(queued_at__isnull=True)),
                name="rsvp_queued_while_waiting",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["offered", "paying"], hold_expires_at__isnull=False)
                | Q(status="pending")
                | (
                    ~Q(status__in=["offered", "paying", "pending"])
                    & Q(hold_expires_at__isnull=True)
                ),
                name="rsvp_hold_only_while_timed",
            ),
            models.CheckConstraint(
                condition=~Q(is_approved=False) | Q(status="declined"),
                name="rsvp_refused_has_ended",
            ),
            models.CheckConstraint(
                condition=Q(heir_email="") | Q(status="going"), name="rsvp_given_while_going"
            ),
            models.UniqueConstraint(
                fields=["occurrence", "user"],
                condition=Q(
                    status__in=[
                        "pending",
                        "applied",
                        "waitlisted",
                        "offered",
                        "paying",
                        "going",
                        "maybe",
                    ],
                    user__isnull=False,
                ),
                name="rsvp_once_per_user",
            ),
            models.UniqueConstraint(
                F("occurrence"),
                Lower("guest_email"),
                condition=Q(
                    status__in=[
                        "pending",
                        "applied",
                        "waitlisted",
                        "offered",
                        "paying",
                        "going",
                        "maybe",
                    ],
                    user__isnull=True,
                )
                & ~Q(guest_email=""),
                name="rsvp_once_per_guest",
            ),
        ]
        indexes = [
            models.Index(
                fields=["occurrence", "hold_expires_at"],
                include=["party_size"],
                condition=Q(status__in=["pending", "offered", "paying"]),
                name="rsvp_timed_holds",
            ),
            models.Index(
                fields=["occurrence", "queued_at", "id"],
                include=["party_size"],
                condition=Q(status="waitlisted"),
                name="rsvp_queue",
            ),
            models.Index(Lower("guest_email"), name="rsvp_by_guest"),
        ]
        triggers = [
            # Whoever erases their account holds its row. A yes of the same moment waits for that,
            # and then it is nobody's.
            pgtrigger.Trigger(
                name="never_of_the_erased",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("user_id"),
                condition=pgtrigger.Condition("NEW.user_id IS NOT NULL"),
                declare=[("gone", "TIMESTAMPTZ")],
                func="""
                    SELECT erased_at INTO gone FROM accounts_user
                     WHERE id = NEW.user_id FOR KEY SHARE;
                    IF gone IS NOT NULL THEN
                        RAISE EXCEPTION 'account % is erased', NEW.user_id
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'rsvp_never_of_the_erased';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="seats_insert",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func="""
                    UPDATE events_seats SET firm = firm + change.delta
                    FROM (
                        SELECT occurrence_id, sum(party_size) AS delta
                        FROM new_rows WHERE status = 'going' GROUP BY occurrence_id
                    ) AS change
                    WHERE events_seats.occurrence_id = change.occurrence_id;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="seats_update",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
                func="""
                    UPDATE events_seats SET firm = firm + change.delta
                    FROM (
                        SELECT occurrence_id, sum(people) AS delta FROM (
                            SELECT occurrence_id, party_size AS people
                            FROM new_rows WHERE status = 'going'
                            UNION ALL
                            SELECT occurrence_id, -party_size
                            FROM old_rows WHERE status = 'going'
                        ) AS moves GROUP BY occurrence_id HAVING sum(people) <> 0
                    ) AS change
                    WHERE events_seats.occurrence_id = change.occurrence_id;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="seats_delete",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Delete,
                referencing=pgtrigger.Referencing(old="old_rows"),
                func="""
                    UPDATE events_seats SET firm = firm - change.delta
                    FROM (
                        SELECT occurrence_id, sum(party_size) AS delta
                        FROM old_rows WHERE status = 'going' GROUP BY occurrence_id
                    ) AS change
                    WHERE events_seats.occurrence_id = change.occurrence_id;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def name(self) -> str:
        """What the door list calls them. Needs ``user`` selected for account holders."""
        if self.forgotten_at:
            return gettext("Name deleted")
        return (self.user.name or self.user.email) if self.user else self.guest_name

    @property
    def name_for_hosts(self) -> str:
        """The same for hosts, who see nobody's address. Needs ``user`` selected."""
        return (self.user.name if self.user else self.guest_name) or gettext("No name given")

    @property
    def email(self) -> str:
        return self.user.email if self.user else self.guest_email

    @property
    def token(self) -> str:
        """The secret of the link that manages this RSVP: derived, so never stored."""
        secret = tokens.derive("rsvp-link", self.reference, self.link_generation)
        return f"{self.reference}-{secret}"

    @property
    def door_code(self) -> str:
        """What the QR code on their page says. It names them at the door and opens nothing."""
        return f"GR:{self.reference}"

    @property
    def heir_token(self) -> str:
        """The secret of the link that whoever is given the place opens; of no use to others."""
        secret = tokens.derive(
            "rsvp-heir", self.reference, self.link_generation, self.heir_email.lower()
        )
        return f"{self.reference}-{secret}"

    @property
    def manage_path(self) -> str:
        """Where its owner looks after it."""
        return reverse("events:rsvp", args=[self.token])

    @property
    def repeats_with(self) -> SeriesRsvp | None:
        """The yes to every date in whose one entry this date is, if it is in one."""
        if self.series_rsvp is None or self.occurrence.series_id is None:
            return None
        return self.series_rsvp if self.series_rsvp.is_repeating else None

    @property
    def calendar_uid(self) -> str:
        """The UID of this person's entry: the date's own, until they leave and come back.

        A date of what they come to every time has the UID of the entry that repeats.
        """
        if self.repeats_with is not None and self.occurrence.series is not None:
            return self.repeats_with.calendar_uid(self.occurrence.series)
        if not self.uid_generation:
            return self.occurrence.uid
        return f"{self.uid_generation}-{self.reference.lower()}-{self.occurrence.uid}"

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def is_going(self) -> bool:
        return self.status == self.Status.GOING

    @property
    def is_waiting(self) -> bool:
        return self.status == self.Status.WAITLISTED

    @property
    def is_maybe(self) -> bool:
        return self.status == self.Status.MAYBE

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING

    @property
    def is_applied(self) -> bool:
        return self.status == self.Status.APPLIED

    @property
    def is_refused(self) -> bool:
        """The hosts said no. Who said no to an offer, or let it run out, is declined as well."""
        return self.is_approved is False

    @property
    def is_offered(self) -> bool:
        return self.status == self.Status.OFFERED

    @property
    def is_paying(self) -> bool:
        return self.status == self.Status.PAYING

    def is_holding(self, *, at: datetime) -> bool:
        """Whether places are kept for them at ``at``, for a while."""
        return self.hold_expires_at is not None and self.hold_expires_at > at

    def has_lapsed(self, *, at: datetime) -> bool:
        """Whether a place was offered, or kept until it is paid, and the time for it is over."""
        return (self.is_offered or self.is_paying) and not self.is_holding(at=at)


class CheckInQuerySet(models.QuerySet["CheckIn"]):
    def standing(self) -> Self:
        """Those that were not undone."""
        return self.filter(undone_at__isnull=True)


class CheckIn(models.Model):
    """Somebody came. Attendance is this fact, never a status of the RSVP."""

    rsvp = models.ForeignKey(Rsvp, models.PROTECT, verbose_name=_("RSVP"), related_name="check_ins")
    people_count = models.PositiveSmallIntegerField(_("people who came"))
    checked_in_at = models.DateTimeField(_("checked in"))
    checked_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("by"), related_name="+"
    )
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    # Whether they said how it was. What they said is kept apart (SurveyAnswer).
    has_answered = models.BooleanField(_("answered the survey"), default=False, editable=False)
    # Named by the phone that scanned, so that a phone without a network may send it again.
    scan_id = models.UUIDField(_("scan"), null=True, blank=True, unique=True, editable=False)

    objects = CheckInQuerySet.as_manager()

    class Meta:
        verbose_name = _("check-in")
        verbose_name_plural = _("check-ins")
        constraints = [
            models.UniqueConstraint(
                fields=["rsvp"], condition=Q(undone_at__isnull=True), name="check_in_once"
            ),
            models.CheckConstraint(
                condition=Q(people_count__gte=1), name="check_in_people_counted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rsvp} {self.checked_in_at}"
