"""The care desk: what waits for a person of the care staff, and who takes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from therapy_credits.models.bookings import Booking, SessionCode
from therapy_credits.models.practices import DayThatDiffers, Practitioner, WeeklyWindow
from therapy_credits.models.subjects import UnderKey


class CareCaseQuerySet(models.QuerySet["CareCase"]):
    def visible_to(self, user: User) -> Self:
        """What nobody has taken yet, and what this person has: another's cases are theirs."""
        return self.filter(Q(taken_by=None) | Q(taken_by=user))

    def waiting(self) -> Self:
        """Not closed yet, what is due first at the front."""
        return self.exclude(status=CareCase.Status.CLOSED).order_by("due_at", "pk")

    def searches_of(self, tokens: Sequence[UUID]) -> Self:
        """Where the desk looks for somebody for this person: asked by them, or after an ending."""
        kinds = [CareCase.Kind.FIND, CareCase.Kind.ENDING]
        return self.filter(subject__in=tokens, kind__in=kinds)

    def disputes(self) -> Self:
        return self.filter(kind=CareCase.Kind.DISPUTE)


class CareCase(UnderKey):
    """One thing somebody of the care staff has to settle, by a time.

    It knows the token, never the name. What was asked is structured and sealed:
    there is no field in which anybody could write about a person's health.
    """

    class Kind(models.TextChoices):
        DISPUTE = "dispute", _("“That is not right”")
        LATE_CLAIM = "late_claim", _("Late claim of a practice")
        FIND = "find", _("Find somebody")
        ENDING = "ending", _("A practice cannot continue")

    class Status(models.TextChoices):
        OPEN = "open", pgettext_lazy("case", "Nobody has it yet")
        TAKEN = "taken", pgettext_lazy("case", "Taken")
        CLOSED = "closed", pgettext_lazy("case", "Closed")

    class Outcome(models.TextChoices):
        UPHELD = "upheld", _("Put right for the person")
        STANDS = "stands", _("Stays as it was")
        GRANTED = "granted", _("Granted to the practice")
        REFUSED = "refused", pgettext_lazy("case", "Refused")
        FOUND = "found", _("Somebody was found")
        NOBODY = "nobody", _("Nobody is available for now")
        UNDONE = "undone", _("The practice took its word back")

    reference = models.CharField(_("reference"), max_length=12, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    status = models.CharField(_("status"), max_length=6, choices=Status, default=Status.OPEN)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome, blank=True)
    subject = models.UUIDField(db_index=True)
    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, null=True, blank=True, related_name="cases"
    )
    code = models.ForeignKey(
        SessionCode, on_delete=models.PROTECT, null=True, blank=True, related_name="cases"
    )
    # What the person looks for, sealed: place, language, format, topics.
    sealed_need = models.TextField(blank=True)
    opened_at = models.DateTimeField(_("opened"))
    due_at = models.DateTimeField(_("due"))
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    taken_at = models.DateTimeField(_("taken"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    # What the care staff answered to "find somebody".
    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    wait_until = models.DateField(_("an honest wait, until"), null=True, blank=True)

    objects: ClassVar[CareCaseQuerySet] = CareCaseQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("case of the care desk")
        verbose_name_plural = _("cases of the care desk")
        indexes = [
            models.Index(
                fields=["due_at"], condition=~Q(status="closed"), name="case_waiting_by_due"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="case_kind_known",
                condition=Q(kind__in=["dispute", "late_claim", "find", "ending"]),
            ),
            models.CheckConstraint(
                name="case_outcome_known",
                condition=Q(
                    outcome__in=[
                        "",
                        "upheld",
                        "stands",
                        "granted",
                        "refused",
                        "found",
                        "nobody",
                        "undone",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="case_closed_with_an_outcome",
                condition=Q(status="closed", closed_at__isnull=False) & ~Q(outcome="")
                | Q(status__in=["open", "taken"], closed_at=None, outcome=""),
            ),
            models.CheckConstraint(
                name="case_taken_by_somebody",
                condition=Q(status="taken", taken_by__isnull=False, taken_at__isnull=False)
                | ~Q(status="taken"),
            ),
            models.UniqueConstraint(
                name="case_one_dispute_of_a_booking",
                fields=["booking", "kind"],
                condition=~Q(status="closed") & Q(booking__isnull=False),
            ),
            models.UniqueConstraint(
                name="case_one_dispute_of_a_code",
                fields=["code", "kind"],
                condition=~Q(status="closed") & Q(code__isnull=False),
            ),
            models.UniqueConstraint(
                name="case_one_search_at_a_time",
                fields=["subject"],
                condition=~Q(status="closed") & Q(kind="find"),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_open(self) -> bool:
        return self.status != self.Status.CLOSED

    @property
    def about(self) -> str:
        """The reference of the booking or code it is about, if any."""
        source = self.booking or self.code
        return source.reference if source else ""


class CareDesk(models.Model):
    """The one care desk, and the zone its hours are published in."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    time_zone = models.CharField(_("time zone"), max_length=64)

    objects: ClassVar[models.Manager[CareDesk]] = models.Manager()

    class Meta:
        verbose_name = _("care desk")
        verbose_name_plural = _("care desk")
        constraints = [models.CheckConstraint(name="care_desk_is_one", condition=Q(id=1))]

    def __str__(self) -> str:
        return self.time_zone


class DeskHours(WeeklyWindow):
    """When somebody is at the care desk each week, in its zone."""

    objects: ClassVar[models.Manager[DeskHours]] = models.Manager()

    class Meta:
        verbose_name = _("hours of the care desk")
        verbose_name_plural = _("hours of the care desk")
        constraints = [
            models.CheckConstraint(
                name="desk_hours_weekday_known", condition=Q(weekday__gte=0, weekday__lte=6)
            ),
            models.CheckConstraint(
                name="desk_hours_end_after_start", condition=Q(ends__gt=F("starts"))
            ),
            models.UniqueConstraint(name="desk_hours_once_per_start", fields=["weekday", "starts"]),
        ]


class DeskException(DayThatDiffers):
    """A day on which the care desk is closed, or open at other hours."""

    objects: ClassVar[models.Manager[DeskException]] = models.Manager()

    class Meta:
        verbose_name = _("other hours of the care desk on one day")
        verbose_name_plural = _("other hours of the care desk on single days")
        constraints = [
            models.CheckConstraint(
                name="desk_exception_closed_or_open",
                condition=Q(starts=None, ends=None)
                | Q(starts__isnull=False, ends__isnull=False, ends__gt=F("starts")),
            ),
            models.UniqueConstraint(
                name="desk_exception_once_per_start",
                fields=["on_date", "starts"],
                nulls_distinct=False,
            ),
        ]


class DeskAbsenceQuerySet(models.QuerySet["DeskAbsence"]):
    def on(self, day: dt.date) -> Self:
        """Absences that ``day`` is part of."""
        return self.filter(first_on__lte=day, last_on__gte=day)

    def overlapping(self, first_on: dt.date, last_on: dt.date) -> Self:
        return self.filter(first_on__lte=last_on, last_on__gte=first_on)


class DeskAbsence(models.Model):
    """Somebody of the care staff is away, and who looks after their cases meanwhile."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="desk_absences"
    )
    cover = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    first_on = models.DateField(_("first day away"))
    last_on = models.DateField(_("last day away"))
    named_at = models.DateTimeField(_("named"))

    objects: ClassVar[DeskAbsenceQuerySet] = DeskAbsenceQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("absence from the care desk")
        verbose_name_plural = _("absences from the care desk")
        constraints = [
            models.CheckConstraint(
                name="desk_absence_in_order", condition=Q(last_on__gte=F("first_on"))
            ),
            models.CheckConstraint(
                name="desk_absence_covered_by_another", condition=~Q(user=F("cover"))
            ),
            ExclusionConstraint(
                name="desk_absence_one_at_a_time",
                expressions=[
                    (F("user"), RangeOperators.EQUAL),
                    (
                        Func(
                            F("first_on"),
                            F("last_on"),
                            RangeBoundary(inclusive_upper=True),
                            function="DATERANGE",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_on} – {self.last_on}"
