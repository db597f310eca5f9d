"""What needs two people: one asks, another decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models.grants import Role

if TYPE_CHECKING:
    from accounts.models.people import User


class ApprovalStatus(models.TextChoices):
    REQUESTED = "requested", _("Waiting")
    APPROVED = "approved", _("Approved")
    REFUSED = "refused", _("Refused")


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def visible_to(self, user: User, *, roles: set[str]) -> Self:
        """What a person with ``roles`` may decide, or has asked for."""
        return self.filter(Q(role__in=roles) | Q(requester=user))

    def waiting(self) -> Self:
        return self.filter(status=ApprovalStatus.REQUESTED)


class Approval(models.Model):
    """A request that takes effect when a second person of ``role`` approves it.

    The app that asked pulls what was approved (by ``kind``), with this row's id as
    the idempotency key; nothing here knows what it is for.
    """

    kind = models.CharField(_("kind"), max_length=40)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=60)
    title = models.CharField(_("what"), max_length=200)
    url = models.CharField(_("page"), max_length=200, blank=True)
    role = models.CharField(_("who may decide"), max_length=20, choices=Role.choices)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=ApprovalStatus.choices,
        default=ApprovalStatus.REQUESTED,
    )
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("asked by")
    )
    requested_at = models.DateTimeField(_("asked"))
    decider = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ApprovalStatus.values), name="approval_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="approval_role_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    status=ApprovalStatus.REQUESTED, decider__isnull=True, decided_at__isnull=True
                )
                | (
                    ~Q(status=ApprovalStatus.REQUESTED)
                    & Q(decider__isnull=False, decided_at__isnull=False)
                ),
                name="approval_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(decider__isnull=True) | ~Q(decider=F("requester")),
                name="approval_takes_two_people",
            ),
            models.UniqueConstraint(
                fields=["kind", "target_type", "target_id"],
                condition=Q(status="requested"),
                name="approval_one_waiting_per_target",
            ),
        ]

    def __str__(self) -> str:
        return self.title
