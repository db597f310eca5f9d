"""One person in one term: a status, the moves it may make, and its history.

The current status says when it was set, by whom and why; a trigger copies that into the
history. So a move without a trace cannot be written, by any code or by hand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Role, User
from accounts.models.trail import append_only
from ambassadors.models.programmes import Programme, Term, today_in


class EnrolmentStatus(models.TextChoices):
    INVITED = "invited", _("invited")
    APPLIED = "applied", _("applied")
    APPROVED = "approved", _("approved")
    ONBOARDING = "onboarding", _("joining")
    ACTIVE = "active", _("active")
    PAUSED = "paused", _("paused")
    ALUMNI = "alumni", _("alumni")
    REMOVED = "removed", _("removed")


class Reason(models.TextChoices):
    """Why a status changed. A list, not a box to type in: a reason must not hold health facts."""

    NONE = "", _("no reason given")
    ACCEPTED_INVITATION = "accepted_invitation", _("opened the invitation")
    ACCEPTED_AGREEMENT = "accepted_agreement", _("accepted the agreement")
    RENEWED = "renewed", _("asked to go on from an earlier term")
    FINISHED_JOINING = "finished_joining", _("finished joining")
    OWN_WISH = "own_wish", _("asked for it")
    ON_LEAVE = "on_leave", _("on tour or on leave")
    TERM_ENDED = "term_ended", _("the term ended")
    INVITED_BY_MISTAKE = "invited_by_mistake", _("invited by mistake")
    NOT_ELIGIBLE = "not_eligible", _("does not meet the conditions of the term")
    BROKE_AGREEMENT = "broke_agreement", _("did not keep to the agreement")
    OTHER = "other", _("another reason, told in person")
    REINSTATED = "reinstated", _("let back in")


_S = EnrolmentStatus

# The only moves there are. The trigger below is written from this table, so the code and the
# database cannot disagree.
LEGAL_MOVES: dict[str, tuple[EnrolmentStatus, ...]] = {
    "": (_S.INVITED, _S.APPLIED),
    _S.INVITED: (_S.ONBOARDING, _S.REMOVED),
    _S.APPLIED: (_S.APPROVED, _S.REMOVED),
    _S.APPROVED: (_S.ONBOARDING, _S.REMOVED),
    _S.ONBOARDING: (_S.ACTIVE, _S.REMOVED),
    _S.ACTIVE: (_S.PAUSED, _S.ALUMNI, _S.REMOVED),
    _S.PAUSED: (_S.ACTIVE, _S.ALUMNI, _S.REMOVED),
    _S.ALUMNI: (_S.REMOVED,),
    # Back through the agreement, never straight to active.
    _S.REMOVED: (_S.ONBOARDING,),
}
_MOVES_SQL = ", ".join(
    f"('{before}', '{after}')" for before, afters in LEGAL_MOVES.items() for after in afters
)

# Whose next step it is: the person's own.
JOINING = (_S.INVITED, _S.APPROVED, _S.ONBOARDING)

# Who is in or was: what a term of one country has asked them, it need not ask again.
BEEN_IN = (_S.ACTIVE, _S.PAUSED, _S.ALUMNI)

_STATUS_WRITTEN = pgtrigger.Insert | pgtrigger.UpdateOf("status")


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def active(self, *, at: datetime) -> Self:
        """Active people of terms that run at ``at``, each by the calendar of its programme."""
        return self.alias(_today=today_in("term__programme__time_zone", at)).filter(
            status=EnrolmentStatus.ACTIVE,
            term__ended_at__isnull=True,
            term__starts_on__lte=F("_today"),
            term__ends_on__gte=F("_today"),
        )

    def current(self) -> Self:
        """Those who take up a place: everybody but alumni and removed."""
        return self.exclude(status__in=[EnrolmentStatus.ALUMNI, EnrolmentStatus.REMOVED])

    def visible_to(self, user: User | AnonymousUser, *, at: datetime) -> Self:
        """A person's own, and for coordinators those of the programmes they run."""
        if not isinstance(user, User):
            return self.none()
        run = Programme.objects.run_by(user, Role.COORDINATOR, at=at)
        return self.filter(Q(user=user) | Q(term__programme__in=run))

    def run_by(self, user: User | AnonymousUser, *, at: datetime) -> Self:
        """Of the programmes in which ``user`` is a coordinator."""
        return self.filter(
            term__programme__in=Programme.objects.run_by(user, Role.COORDINATOR, at=at)
        )

    def reached_by(self, key: ApiKey) -> Self:
        """Of the programmes that ``key`` reaches."""
        return self.filter(term__programme__in=Programme.objects.reached_by(key))

    def with_term(self) -> Self:
        return self.select_related("term__programme")


class Enrolment(models.Model):
    """One person in one term."""

    term = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="enrolments")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="enrolments"
    )
    status = models.CharField(_("status"), max_length=12, choices=EnrolmentStatus)
    status_at = models.DateTimeField(_("since"))
    status_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("set by"),
    )
    status_reason = models.CharField(_("reason"), max_length=24, choices=Reason, blank=True)
    # When they said that they live in the country of the term. A "no" is not kept.
    country_said_at = models.DateTimeField(null=True, editable=False)
    # What the person is still to be written about; a task does it in small portions.
    told_of_end_at = models.DateTimeField(null=True, editable=False)
    reminded_at = models.DateTimeField(null=True, editable=False)
    is_farewell_due = models.BooleanField(default=False, editable=False)
    is_renewal_due = models.BooleanField(default=False, editable=False)

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.UniqueConstraint(fields=["term", "user"], name="enrolment_once_per_term"),
            models.CheckConstraint(
                condition=Q(status__in=EnrolmentStatus.values), name="enrolment_status_known"
            ),
        ]
        indexes = [
            models.Index(fields=["term", "status"], name="enrolment_term_status"),
            models.Index(
                fields=["id"], condition=Q(is_farewell_due=True), name="enrolment_farewell_due"
            ),
            models.Index(
                fields=["status_at"],
                condition=Q(reminded_at__isnull=True, status__in=JOINING),
                name="enrolment_reminder_due",
            ),
            models.Index(
                fields=["term", "id"],
                condition=Q(is_renewal_due=True),
                name="enrolment_renewal_due",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="status_moves_legally",
                when=pgtrigger.Before,
                operation=_STATUS_WRITTEN,
                declare=[("before_status", "text")],
                func=f"""
                    before_status := CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.status END;
                    IF NEW.status <> before_status
                       AND (before_status, NEW.status) NOT IN ({_MOVES_SQL}) THEN
                        RAISE EXCEPTION 'an enrolment may not go from "%" to "%"',
                            before_status, NEW.status
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'enrolment_status_moves_legally';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="status_change_is_kept",
                when=pgtrigger.After,
                operation=_STATUS_WRITTEN,
                func="""
                    IF TG_OP = 'INSERT' OR NEW.status <> OLD.status THEN
                        INSERT INTO ambassadors_enrolmentchange
                            (enrolment_id, from_status, to_status, actor_id, reason, at)
                        VALUES (NEW.id,
                                CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.status END,
                                NEW.status, NEW.status_by_id, NEW.status_reason, NEW.status_at);
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="lives_in_the_country_of_the_term",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("status"),
                condition=pgtrigger.Q(old__status="onboarding", new__status="active"),
                declare=[("country", "text")],
                # The same four ways to know it as queries.owes_country().
                func="""
                    SELECT market INTO country FROM ambassadors_term WHERE id = NEW.term_id;
                    IF country <> '' AND NEW.country_said_at IS NULL
                       AND NOT EXISTS (
                           SELECT FROM ambassadors_enrolmentchange
                           WHERE enrolment_id = NEW.id AND to_status = 'applied')
                       AND NOT EXISTS (
                           SELECT FROM ambassadors_invitation
                           WHERE enrolment_id = NEW.id AND is_country_known)
                       AND NOT EXISTS (
                           SELECT FROM ambassadors_enrolment e
                           JOIN ambassadors_term t ON t.id = e.term_id
                           WHERE e.user_id = NEW.user_id AND t.market = country
                             AND (e.country_said_at IS NOT NULL
                                  OR e.status IN ('active', 'paused', 'alumni')))
                    THEN
                        RAISE EXCEPTION 'nobody said that they live in the country of the term'
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'enrolment_lives_in_the_country';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.ReadOnly(name="person_and_term_are_fixed", fields=["term", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.term_id} {self.status}"

    @property
    def legal_moves(self) -> tuple[EnrolmentStatus, ...]:
        """Where it may go from here."""
        return LEGAL_MOVES[self.status]

    @property
    def coordinator_moves(self) -> tuple[EnrolmentStatus, ...]:
        """The legal moves that are a coordinator's: joining is the person's own, and who is
        approved is decided on their application."""
        if self.status == EnrolmentStatus.REMOVED:
            return self.legal_moves
        own = {EnrolmentStatus.APPROVED, EnrolmentStatus.ONBOARDING}
        if self.status == EnrolmentStatus.ONBOARDING:
            own.add(EnrolmentStatus.ACTIVE)
        return tuple(status for status in self.legal_moves if status not in own)


class EnrolmentChange(models.Model):
    """One step of an enrolment's history, written by the database."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="changes")
    from_status = models.CharField(max_length=12, blank=True, choices=EnrolmentStatus)
    to_status = models.CharField(max_length=12, choices=EnrolmentStatus)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.CharField(max_length=24, blank=True, choices=Reason)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("change of an enrolment")
        verbose_name_plural = _("changes of enrolments")
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"
