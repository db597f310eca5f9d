"""What this app keeps about a person, for the person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from accounts.models import User
from ambassadors.models import (
    Absence,
    Acceptance,
    Activity,
    AdultConfirmation,
    Application,
    Attachment,
    Consent,
    Delegate,
    Enrolment,
    Invitation,
    Profile,
    ProgrammeContact,
    Review,
    RosterRow,
)
from ambassadors.services.agreements import withdraw_consent
from ambassadors.services.enrolments import leave
from ambassadors.services.retention import forget_invitations
from common.erasing import NOWHERE, Obstacle


def export(user: User) -> dict[str, Any]:
    """Everything about ``user`` that is kept here, in words and dates that can be read."""
    enrolments = (
        Enrolment.objects.filter(user=user)
        .select_related("term__programme")
        .prefetch_related("changes")
        .order_by("pk")
    )
    adult = AdultConfirmation.objects.filter(user=user).first()
    profile = Profile.objects.filter(user=user).first()
    return {
        "profile": {
            "pronouns": profile.pronouns,
            "pronouns_shown_to": profile.pronouns_to,
            "languages": profile.languages,
            "about": profile.about,
            "links": profile.links,
        }
        if profile
        else None,
        "shown_on_public_pages_of": list(
            user.public_cards.order_by("consented_at").values("programme__name", "consented_at")
        ),
        "dates_handled_by": list(
            user.delegates.order_by("asked_at").values(
                "email", "asked_at", "accepted_at", "until_on", "ended_at"
            )
        ),
        "activities": list(
            Activity.objects.filter(enrolment__user=user)
            .order_by("on")
            .values("kind", "on", "note")
        ),
        "said_18_or_over_at": adult.confirmed_at if adult else None,
        "enrolments": [
            {
                "programme": row.term.programme.name,
                "term": row.term.name,
                "from": row.term.starts_on,
                "to": row.term.ends_on,
                "status": row.status,
                "said_to_live_in_its_country_at": row.country_said_at,
                "history": [
                    {"status": change.to_status, "reason": change.reason, "at": change.at}
                    for change in sorted(row.changes.all(), key=lambda change: change.pk)
                ],
            }
            for row in enrolments
        ],
        "agreements": list(
            Acceptance.objects.filter(enrolment__user=user)
            .order_by("accepted_at")
            .values("accepted_at", "locale_shown", "text_sha256", "snapshot")
        ),
        "consents": list(
            Consent.objects.filter(user=user)
            .order_by("given_at")
            .values("given_at", "withdrawn_at", "locale_shown", "text_sha256", "snapshot")
        ),
        "applications": [
            {
                "programme": row.round.term.programme.name,
                "round": row.round.name,
                "status": row.status if row.announced_at or not row.is_decided else "submitted",
                "stage_name": row.name,
                "sent_at": row.submitted_at,
                "answers": {
                    question.text: row.answers.get(str(question.pk), "")
                    for question in row.round.questions.all()
                    if str(question.pk) in row.answers
                },
                "files": [file.name for file in row.attachments.all()],
            }
            for row in Application.objects.filter(user=user)
            .select_related("round__term__programme")
            .prefetch_related("round__questions", "attachments")
            .order_by("begun_at")
        ],
        "absences": list(
            Absence.objects.filter(user=user)
            .order_by("starts_on")
            .values("kind", "starts_on", "ends_on", "time_zone")
        ),
    }


def obstacles(user: User, *, at: datetime) -> list[Obstacle]:
    """What must be settled before ``user`` can be erased."""
    if ProgrammeContact.objects.filter(user=user, until_at__isnull=True).exists():
        return [
            Obstacle(_("You are the contact of a programme. Ask its coordinators to hand it over."))
        ]
    return []


def erase(user: User, addresses: Iterable[str], *, at: datetime) -> None:
    """End what is not over, and take out whatever says who it was. That somebody was enrolled, and
    agreed to which words, stays without a name: the database lets nobody rewrite it."""
    emails = list(addresses)
    own = Enrolment.objects.filter(user=user)
    for enrolment in own.current().order_by("pk"):
        leave(enrolment=enrolment, user=user, at=at)
    own.update(is_farewell_due=False, is_renewal_due=False, reminded_at=at, told_of_end_at=at)
    withdraw_consent(user=user, at=at)
    for rows in (
        Profile.objects.filter(user=user),
        user.public_cards.all(),
        Activity.objects.filter(enrolment__in=own),
        Absence.objects.filter(user=user),
        AdultConfirmation.objects.filter(user=user),
        Delegate.objects.filter(ambassador=user),
        RosterRow.objects.alias(address=Lower("email")).filter(address__in=emails),
    ):
        rows.delete()
    # For whom they handled dates: it ended, and that is all it says.
    asked = Q(person=user) | Q(address__in=emails)
    for delegate in Delegate.objects.alias(address=Lower("email")).filter(asked):
        delegate.ended_at, delegate.email = delegate.ended_at or at, f"{delegate.pk}{NOWHERE}"
        delegate.save(update_fields=["ended_at", "email"])
    invited = Invitation.objects.filter(Q(enrolment__in=own) | Q(email__in=emails))
    invited.standing().update(revoked_at=at)
    forget_invitations(invited)
    applications = Application.objects.filter(user=user)
    Attachment.objects.filter(application__in=applications).delete()
    Review.objects.filter(application__in=applications).update(comment="")
    applications.filter(
        Q(announced_at__isnull=True) | Q(status=Application.Status.WAITLISTED)
    ).update(
        status=Application.Status.WITHDRAWN,
        decided_at=None,
        decided_by=None,
        announced_at=None,
        reason="",
    )
    applications.update(name="", answers={}, note="")
