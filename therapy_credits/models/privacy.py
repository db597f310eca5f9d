"""What keeps care to oneself: a door of its own, an address of its own; and worries about a person,
recorded apart from everything else."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.sealing import unseal
from therapy_credits.models.subjects import CareKey


class CareDoor(models.Model):
    """How one person's pages of care are closed to who else uses their account or mailbox.

    A row without a PIN says only that they were asked and want none.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="care_door"
    )
    # Under which key the addresses are sealed.
    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    pin_hash = models.CharField(max_length=200, blank=True)
    sealed_address = models.TextField(blank=True)
    # A new address waits for the code that was sent to it; of the code, the digest is kept.
    sealed_new_address = models.TextField(blank=True)
    code_digest = models.CharField(max_length=64, blank=True)
    code_until = models.DateTimeField(null=True, blank=True)
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    # How many codes were sent on that day: a mailbox of somebody else is not to be filled.
    codes_on = models.DateField(null=True, blank=True)
    codes_sent = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(_("asked"))
    wrong_pins = models.PositiveSmallIntegerField(default=0)
    closed_until = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[CareDoor]] = models.Manager()

    class Meta:
        verbose_name = _("door to one's own care")
        verbose_name_plural = _("doors to one's own care")
        constraints = [
            models.CheckConstraint(
                name="care_door_code_belongs_to_an_address",
                condition=Q(code_digest="", code_until=None)
                | (Q(code_until__isnull=False) & ~Q(code_digest="") & ~Q(sealed_new_address="")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_closed(self) -> bool:
        """Whether it takes a PIN or a passkey to go in."""
        return bool(self.pin_hash)

    @property
    def address(self) -> str:
        """Where mail about care goes; empty for the account's own."""
        return self._opened(self.sealed_address, "care-door.address")

    @property
    def new_address(self) -> str:
        """The address that waits to be confirmed, if any."""
        return self._opened(self.sealed_new_address, "care-door.new-address")

    def _opened(self, sealed: str, purpose: str) -> str:
        return CareKey.objects.get(token=self.key).unseal(sealed, purpose) if sealed else ""

    @property
    def gets_no_mail(self) -> bool:
        """Whether mail about care goes nowhere: the person said that others read the address they
        sign in with, and the one they gave is not confirmed yet."""
        return bool(self.sealed_new_address) and not self.sealed_address


class SafeguardingLead(models.Model):
    """Who hears of it when somebody of the staff is worried about a person."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="safeguarding"
    )
    is_deputy = models.BooleanField(_("deputy"), default=False)
    named_at = models.DateTimeField(_("named"))

    objects: ClassVar[models.Manager[SafeguardingLead]] = models.Manager()

    class Meta:
        verbose_name = _("safeguarding lead")
        verbose_name_plural = _("safeguarding leads")
        constraints = [
            models.UniqueConstraint(
                fields=["is_deputy"], name="safeguarding_one_lead_and_one_deputy"
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)


class ConcernQuerySet(models.QuerySet["Concern"]):
    def visible_to(self, user: User) -> Self:
        """All of them for the lead and the deputy, and none for anybody else, who raised it too."""
        if SafeguardingLead.objects.filter(user=user).exists():
            return self
        return self.none()

    def waiting(self) -> Self:
        return self.filter(closed_at=None).order_by("due_at", "pk")


class Concern(models.Model):
    """Somebody of the staff is worried about a person. Sealed, and tied to no other record."""

    sealed_who = models.TextField()
    sealed_words = models.TextField()
    raised_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    raised_at = models.DateTimeField(_("raised"))
    due_at = models.DateTimeField(_("due"))
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects: ClassVar[ConcernQuerySet] = ConcernQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("worry about a person")
        verbose_name_plural = _("worries about people")
        constraints = [
            models.CheckConstraint(
                name="concern_closed_by_somebody",
                condition=Q(closed_by=None, closed_at=None)
                | Q(closed_by__isnull=False, closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def who(self) -> str:
        return unseal(self.sealed_who, "concern.who")

    @property
    def words(self) -> str:
        return unseal(self.sealed_words, "concern.words")

    def is_late(self, at: dt.datetime) -> bool:
        return self.closed_at is None and self.due_at < at
