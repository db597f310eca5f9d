"""Bookings and codes: the two ways a held session reaches a practice.

Neither knows the person: both carry the random ``subject`` token, which one
service can lead back to somebody, and leaves a trace when it does.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from therapy_credits.models.practices import Format, PracticeMembership
from therapy_credits.models.subjects import UnderKey, wrapped_key

# The time from start to end as one range; a session may begin when another ends.
SPAN = Func(
    F("starts_at"),
    F("ends_at"),
    RangeBoundary(),
    function="TSTZRANGE",
    output_field=DateTimeRangeField(),
)


class PaidFromPool(models.Model):
    """What is held from lots of one pool, which all have the same limits."""

    pool = models.ForeignKey("therapy_credits.Pool", on_delete=models.PROTECT, related_name="+")
    # Those of the lots it is held from.
    limits = models.ForeignKey(
        "therapy_credits.Limits",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        abstract = True


class BookingQuerySet(models.QuerySet["Booking"]):
    def visible_to_member(self, membership: PracticeMembership) -> Self:
        """The bookings a member of a practice may see: the practice's; a practitioner's own."""
        bookings = self.filter(practice=membership.practice_id)
        if membership.role == PracticeMembership.Role.PRACTITIONER:
            bookings = bookings.filter(practitioner__user=membership.user_id)
        return bookings

    def with_keys(self) -> Self:
        """With what opens the names in a list."""
        return self.annotate(wrapped_key=wrapped_key())

    def upcoming(self, *, at: dt.datetime) -> Self:
        return self.filter(status=Booking.Status.BOOKED, ends_at__gt=at).order_by("starts_at", "pk")

    def to_confirm(self, *, at: dt.datetime) -> Self:
        """Sessions whose time has come and of which the practice has said nothing."""
        return self.filter(status=Booking.Status.BOOKED, starts_at__lte=at).order_by(
            "starts_at", "pk"
        )


class Booking(UnderKey, PaidFromPool):
    """A time with a practitioner, and the units held for it."""

    class Status(models.TextChoices):
        BOOKED = "booked", pgettext_lazy("one booking", "Booked")
        ATTENDED = "attended", _("Took place")
        MISSED = "missed", _("Missed")
        LATE_CANCEL = "late_cancel", _("Cancelled late")
        CANCELLED = "cancelled", _("Cancelled in time")
        PRACTICE_CANCELLED = "practice_cancelled", _("Cancelled by the practice")
        TIMED_OUT = "timed_out", _("Not confirmed in time")
        REVERSED = "reversed", _("Put right")

    # Statuses in which the practitioner's time is taken.
    TAKES_TIME = ("booked", "attended", "missed")

    reference = models.CharField(_("reference"), max_length=12, unique=True)
    request_id = models.UUIDField(unique=True)
    subject = models.UUIDField(db_index=True)
    practice = models.ForeignKey(
        "therapy_credits.Practice", on_delete=models.PROTECT, related_name="bookings"
    )
    practitioner = models.ForeignKey(
        "therapy_credits.Practitioner", on_delete=models.PROTECT, related_name="bookings"
    )
    service = models.ForeignKey(
        "therapy_credits.ServiceType", on_delete=models.PROTECT, related_name="bookings"
    )
    status = models.CharField(
        _("status"), max_length=20, choices=Status.choices, default=Status.BOOKED
    )

    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    format = models.CharField(_("format"), max_length=10, choices=Format.choices)
    place = models.CharField(_("place"), max_length=240, blank=True)
    join_url = models.URLField(_("link to join"), blank=True)

    # What the person chose to tell this practice for this booking, under their key; empty once it
    # is forgotten.
    sealed_name = models.TextField(blank=True)
    sealed_contact = models.TextField(blank=True)
    # Where they will be that day: it decides who may see them.
    country = models.CharField(max_length=2, blank=True)
    region = models.CharField(max_length=8, blank=True)

    # The hold in the ledger, and the price agreed with it.
    hold_group = models.UUIDField(unique=True)
    hold_until = models.DateTimeField(_("held until"))
    units = models.PositiveSmallIntegerField()
    rate_minor = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)

    booked_at = models.DateTimeField(_("booked"))
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Of the practice. Never the client."),
    )
    # How often a decision was taken back: follow-up transfers derive their ids from it.
    undo_count = models.PositiveSmallIntegerField(default=0)
    # How often, and when last, it was moved to another time; its hold stays.
    move_count = models.PositiveSmallIntegerField(default=0)
    moved_at = models.DateTimeField(null=True, blank=True)
    # The person said that it was not a match: once in a programme-year it costs them nothing.
    mismatch_at = models.DateTimeField(null=True, blank=True)
    # The person said that what the practice told is right.
    agreed_at = models.DateTimeField(null=True, blank=True)
    # Of the rate, what the practice is paid: less than all only for some missed sessions.
    fee_percent = models.PositiveSmallIntegerField(default=100)

    objects: ClassVar[BookingQuerySet] = BookingQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        indexes = [
            models.Index(fields=["practice", "starts_at"], name="booking_of_practice"),
            models.Index(
                fields=["hold_until"], condition=Q(status="booked"), name="booking_waiting"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "booked",
                        "attended",
                        "missed",
                        "late_cancel",
                        "cancelled",
                        "practice_cancelled",
                        "timed_out",
                        "reversed",
                    ]
                ),
                name="booking_status_known",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="booking_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(status="booked", resolved_at=None)
                | (~Q(status="booked") & Q(resolved_at__isnull=False)),
                name="booking_resolved_once",
            ),
            models.CheckConstraint(
                condition=Q(format__in=["online", "in_person"]), name="booking_format_known"
            ),
            models.CheckConstraint(condition=Q(units__gte=1), name="booking_units_positive"),
            models.CheckConstraint(
                condition=Q(fee_percent__lte=100), name="booking_fee_is_a_percentage"
            ),
            models.UniqueConstraint(
                name="booking_one_mismatch_a_year",
                fields=["subject"],
                condition=Q(mismatch_at__isnull=False),
            ),
            ExclusionConstraint(
                name="booking_practitioner_one_at_a_time",
                expressions=[
                    (F("practitioner"), RangeOperators.EQUAL),
                    (SPAN, RangeOperators.OVERLAPS),
                ],
                condition=Q(status__in=["booked", "attended", "missed"]),
            ),
            ExclusionConstraint(
                name="booking_person_one_at_a_time",
                expressions=[
                    (F("subject"), RangeOperators.EQUAL),
                    (SPAN, RangeOperators.OVERLAPS),
                ],
                condition=Q(status__in=["booked", "attended", "missed"]),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.BOOKED

    @property
    def client_name(self) -> str:
        """The name the client chose for this booking; empty once it is forgotten."""
        return self.opened(self.sealed_name, "booking.name")

    @property
    def client_contact(self) -> str:
        """The contact the client chose for this booking; empty once it is forgotten."""
        return self.opened(self.sealed_contact, "booking.contact")


class SessionCodeQuerySet(models.QuerySet["SessionCode"]):
    def usable(self, *, at: dt.datetime) -> Self:
        return self.filter(status=SessionCode.Status.ISSUED, expires_at__gt=at)


class SessionCode(PaidFromPool):
    """One session to take to a practice that has no hours here. Used once.

    Only a keyed digest of the code and its last four symbols are kept.
    """

    class Status(models.TextChoices):
        ISSUED = "issued", _("Not used yet")
        REDEEMED = "redeemed", pgettext_lazy("code", "Used")
        CANCELLED = "cancelled", _("Taken back")
        EXPIRED = "expired", pgettext_lazy("code", "Expired")
        UNDONE = "undone", _("Undone by the practice")

    reference = models.CharField(_("reference"), max_length=12, unique=True)
    request_id = models.UUIDField(unique=True)
    digest = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(_("ends with"), max_length=4)
    subject = models.UUIDField(db_index=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.ISSUED
    )
    hold_group = models.UUIDField(unique=True)
    units = models.PositiveSmallIntegerField(default=1)
    issued_at = models.DateTimeField(_("issued"))
    expires_at = models.DateTimeField(_("valid until"))
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    practice = models.ForeignKey(
        "therapy_credits.Practice",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="redeemed_codes",
    )
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    held_on = models.DateField(_("day of the session"), null=True, blank=True)
    rate_minor = models.PositiveIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    # The person said that what the practice told is right.
    agreed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[SessionCodeQuerySet] = SessionCodeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("session code")
        verbose_name_plural = _("session codes")
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(status="issued"), name="session_code_waiting"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["issued", "redeemed", "cancelled", "expired", "undone"]),
                name="session_code_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="issued", resolved_at=None)
                | (~Q(status="issued") & Q(resolved_at__isnull=False)),
                name="session_code_resolved_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["redeemed", "undone"],
                    practice__isnull=False,
                    held_on__isnull=False,
                    rate_minor__isnull=False,
                )
                | (~Q(status__in=["redeemed", "undone"]) & Q(practice=None)),
                name="session_code_redeemed_by_a_practice",
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="session_code_digest_only"
            ),
        ]

    def __str__(self) -> str:
        return self.reference
