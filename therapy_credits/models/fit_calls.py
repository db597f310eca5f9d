"""A short free call before a first session: a time, and nothing in the books.

It takes its practitioner's time as a session does. Within this table the exclusion
constraint keeps two calls apart; a trigger (migration ``fit_calls``) keeps calls
and sessions apart, in whichever table the second is written.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from therapy_credits.models.bookings import SPAN
from therapy_credits.models.practices import Format, PracticeMembership, Practitioner
from therapy_credits.models.subjects import UnderKey, wrapped_key


class FitCallQuerySet(models.QuerySet["FitCall"]):
    def visible_to_member(self, membership: PracticeMembership) -> Self:
        """The calls a member of a practice may see: the practice's; a practitioner's own."""
        calls = self.filter(practitioner__practice=membership.practice)
        if membership.role == PracticeMembership.Role.PRACTITIONER:
            calls = calls.filter(practitioner__user=membership.user)
        return calls

    def with_keys(self) -> Self:
        """With what opens the names in a list."""
        return self.annotate(wrapped_key=wrapped_key())

    def kept(self) -> Self:
        """Not cancelled by anybody: to come, or over."""
        return self.filter(status=FitCall.Status.BOOKED)

    def upcoming(self, *, at: dt.datetime) -> Self:
        return self.kept().filter(ends_at__gt=at).order_by("starts_at", "pk")


class FitCall(UnderKey):
    """A call to find out whether two people fit. Nobody reports whether it took place."""

    class Status(models.TextChoices):
        BOOKED = "booked", pgettext_lazy("one booking", "Booked")
        CANCELLED = "cancelled", pgettext_lazy("call", "Cancelled by you")
        PRACTICE_CANCELLED = "practice_cancelled", _("Cancelled by the practice")

    reference = models.CharField(_("reference"), max_length=12, unique=True)
    request_id = models.UUIDField(unique=True)
    subject = models.UUIDField(db_index=True)
    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.PROTECT, related_name="fit_calls"
    )
    status = models.CharField(
        _("status"), max_length=20, choices=Status.choices, default=Status.BOOKED
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    join_url = models.URLField(_("link to join"), blank=True)
    # What the person chose to tell this practice for this call; sealed at rest, and forgotten
    # when it has been over for a while.
    sealed_name = models.TextField(blank=True)
    sealed_contact = models.TextField(blank=True)
    # What they looked for: where they will be decides who may see them, and the rest is what a
    # session is looked for with afterwards.
    country = models.CharField(max_length=2)
    region = models.CharField(max_length=8, blank=True)
    language = models.CharField(max_length=12)
    format = models.CharField(_("format"), max_length=10, choices=Format.choices)
    booked_at = models.DateTimeField(_("booked"))
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)

    objects: ClassVar[FitCallQuerySet] = FitCallQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("first call")
        verbose_name_plural = _("first calls")
        constraints = [
            models.CheckConstraint(
                condition=Q(status="booked", cancelled_at=None)
                | Q(status__in=["cancelled", "practice_cancelled"], cancelled_at__isnull=False),
                name="fit_call_status_known",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="fit_call_ends_after_start"
            ),
            models.UniqueConstraint(
                name="fit_call_one_with_each_a_year",
                fields=["subject", "practitioner"],
                condition=Q(status="booked"),
            ),
            ExclusionConstraint(
                name="fit_call_practitioner_one_at_a_time",
                expressions=[
                    (F("practitioner"), RangeOperators.EQUAL),
                    (SPAN, RangeOperators.OVERLAPS),
                ],
                condition=Q(status="booked"),
            ),
            ExclusionConstraint(
                name="fit_call_person_one_at_a_time",
                expressions=[
                    (F("subject"), RangeOperators.EQUAL),
                    (SPAN, RangeOperators.OVERLAPS),
                ],
                condition=Q(status="booked"),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.BOOKED

    @property
    def client_name(self) -> str:
        """The name the client chose for this call."""
        return self.opened(self.sealed_name, "fit-call.name")

    @property
    def client_contact(self) -> str:
        """How the practice reaches the client about this call."""
        return self.opened(self.sealed_contact, "fit-call.contact")
