"""Who of a term would be asked to go on into another, and who not, and why."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from ambassadors.models import Enrolment, EnrolmentStatus, Invitation, Reason, Term


class Verdict(models.TextChoices):
    """What asking the people of a list would make of one of them."""

    ASKED = "asked", _("will be asked")
    THERE = "there", _("in that term already")
    SAID_NO = "said_no", _("said no to that term, or was removed from it")
    INVITED = "invited", _("has an open invitation to that term")
    JOINING = "joining", _("has not finished joining this term")
    LEFT = "left", _("was removed from this term, or left before joining")
    CLOSED = "closed", _("closed their account")


_KNOWN = (EnrolmentStatus.ACTIVE, EnrolmentStatus.PAUSED, EnrolmentStatus.ALUMNI)


def people_with(verdict: str, people: QuerySet[Enrolment], *, into: Term) -> QuerySet[Enrolment]:
    """Those of ``people`` of whom asking would make ``verdict``."""
    return people.annotate(verdict=_verdict(into)).filter(verdict=verdict)


def count_verdicts(people: QuerySet[Enrolment], *, into: Term) -> dict[str, int]:
    """How many of ``people`` have each verdict."""
    found = people.annotate(verdict=_verdict(into)).order_by()
    counted = found.values_list("verdict").annotate(n=Count("pk"))
    return {**dict.fromkeys(Verdict.values, 0), **dict(counted)}


def _verdict(into: Term) -> Case:
    """The first reason why not, or ASKED."""
    there = Enrolment.objects.filter(term=into, user=OuterRef("user"))
    removed = there.filter(status=EnrolmentStatus.REMOVED)
    invited = Invitation.objects.standing().filter(term=into, email=OuterRef("user__email"))
    return Case(
        When(user__is_active=False, then=Value(Verdict.CLOSED)),
        When(Exists(removed), then=Value(Verdict.SAID_NO)),
        When(Exists(there), then=Value(Verdict.THERE)),
        When(status=EnrolmentStatus.REMOVED, then=Value(Verdict.LEFT)),
        When(~Q(status__in=_KNOWN), then=Value(Verdict.JOINING)),
        When(Exists(invited), then=Value(Verdict.INVITED)),
        default=Value(Verdict.ASKED),
        output_field=models.CharField(),
    )


@dataclass(frozen=True)
class Letters:
    """How far the letters are to people asked to go on who have not answered yet."""

    written: int
    total: int

    @property
    def are_under_way(self) -> bool:
        return self.written < self.total


def letters_of(into: Term) -> Letters:
    asked = into.enrolments.filter(
        status=EnrolmentStatus.INVITED, status_reason=Reason.RENEWED
    ).aggregate(total=Count("pk"), due=Count("pk", filter=Q(is_renewal_due=True)))
    return Letters(written=asked["total"] - asked["due"], total=asked["total"])
