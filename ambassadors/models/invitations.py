"""Being asked to join a term, before one has an account or an enrolment."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from ambassadors.models.enrolments import Enrolment
from ambassadors.models.programmes import Term


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def standing(self) -> Self:
        """Neither used, revoked nor declined. It may have expired, and can then be sent again."""
        return self.filter(
            accepted_at__isnull=True, revoked_at__isnull=True, declined_at__isnull=True
        )

    def run_out(self, *, at: datetime) -> Self:
        """Their time is over and nobody answered."""
        return self.standing().filter(expires_at__lte=at)

    def unsent(self) -> Self:
        return self.standing().filter(secret_digest__isnull=True)


class Invitation(models.Model):
    """A single-use link for one address to one term.

    Nobody gets an account or an enrolment by being invited: both begin when the link is used.
    The link's secret is made when it is sent and kept as a digest only.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting to be sent")
        SENT = "sent", _("sent")
        EXPIRED = "expired", _("expired")
        ACCEPTED = "accepted", _("accepted")
        REVOKED = "revoked", _("revoked")
        DECLINED = "declined", _("“this is not me”")

    term = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    name = models.CharField(_("stage name"), max_length=120, blank=True)
    name_key = models.CharField(
        max_length=200, blank=True, help_text=_("The stage name as it is compared with others.")
    )
    language = models.CharField(_("language"), max_length=12, blank=True)
    # Where a roster named the term's country for this person, they are not asked again.
    is_country_known = models.BooleanField(default=False, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    invited_at = models.DateTimeField(_("invited"))
    secret_digest = models.CharField(max_length=64, null=True, unique=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    sent_count = models.PositiveIntegerField(_("times sent"), default=0)
    expires_at = models.DateTimeField(_("expires"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)
    declined_at = models.DateTimeField(_("declined"), null=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    # Of the page that accepted it, so that a double click gets the first click's answer.
    accepted_key = models.CharField(max_length=64, blank=True)
    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, null=True, related_name="invitations"
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["term", "email"],
                condition=Q(revoked_at__isnull=True, declined_at__isnull=True),
                name="invitation_once_per_address_and_term",
            ),
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="invitation_address_in_lower_case"
            ),
            models.CheckConstraint(
                # Without a secret it waits to be sent, for the first time or again.
                condition=Q(secret_digest__isnull=True, expires_at__isnull=True)
                | Q(
                    secret_digest__isnull=False,
                    sent_at__isnull=False,
                    expires_at__isnull=False,
                    sent_count__gte=1,
                ),
                name="invitation_sent_with_a_secret",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, declined_at__isnull=True)
                | Q(revoked_at__isnull=True, accepted_at__isnull=True)
                | Q(declined_at__isnull=True, accepted_at__isnull=True),
                name="invitation_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, enrolment__isnull=True)
                | Q(accepted_at__isnull=False, enrolment__isnull=False),
                name="invitation_accepted_with_an_enrolment",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(
                    secret_digest__isnull=True,
                    revoked_at__isnull=True,
                    declined_at__isnull=True,
                    accepted_at__isnull=True,
                ),
                name="invitation_unsent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.term_id} {self.pk}"

    def state(self, *, at: datetime) -> Invitation.State:
        if self.accepted_at:
            return self.State.ACCEPTED
        if self.revoked_at:
            return self.State.REVOKED
        if self.declined_at:
            return self.State.DECLINED
        if self.expires_at is None:
            return self.State.WAITING
        return self.State.EXPIRED if self.expires_at <= at else self.State.SENT
