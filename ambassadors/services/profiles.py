"""Saying who one is, where one is shown, whom to ask, and what one did."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from accounts.services import audit
from ambassadors.errors import NotInTheTerm, NotTheirProgramme
from ambassadors.models import (
    Activity,
    Enrolment,
    EnrolmentStatus,
    Profile,
    Programme,
    ProgrammeContact,
    PublicCard,
)
from ambassadors.queries import showable_programmes
from ambassadors.rules import can_coordinate
from notifications.services.messages import queue_message


@transaction.atomic
def save_profile(
    *,
    user: User,
    name: str,
    pronouns: str,
    pronouns_to: str,
    languages: list[str],
    about: str,
    links: list[str],
    shown_in: Iterable[Programme],
    at: datetime,
) -> Profile:
    """Keep what ``user`` says about themselves, and where they want to be shown.

    Only programmes that may show people at all are kept; a programme left out is a yes withdrawn.
    """
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if row.name != name:
        row.name = name
        row.save(update_fields=["name"])
    profile, _ = Profile.objects.update_or_create(
        user=user,
        defaults={
            "pronouns": pronouns,
            "pronouns_to": pronouns_to,
            "languages": languages,
            "about": about,
            "links": links,
            "saved_at": at,
        },
    )
    allowed = set(showable_programmes(user).values_list("pk", flat=True))
    wanted = {programme.pk for programme in shown_in} & allowed
    user.public_cards.exclude(programme__in=wanted).delete()
    there = set(user.public_cards.values_list("programme_id", flat=True))
    PublicCard.objects.bulk_create(
        PublicCard(user=user, programme_id=pk, consented_at=at) for pk in sorted(wanted - there)
    )
    return profile


@transaction.atomic
def hand_over(*, programme: Programme, to: User, by: User, at: datetime) -> ProgrammeContact:
    """Make ``to`` the one whom people of ``programme`` ask. Both are told. Twice is once."""
    if not can_coordinate(to, programme, at=at):
        raise NotTheirProgramme
    Programme.objects.select_for_update().get(pk=programme.pk)
    before = programme.contacts.filter(until_at__isnull=True).select_related("user").first()
    if before is not None and before.user_id == to.pk:
        return before
    if before is not None:
        before.until_at = at
        before.save(update_fields=["until_at"])
    contact = ProgrammeContact.objects.create(
        programme=programme, user=to, since_at=at, handed_over_by=by
    )
    audit.record(by, "programme.contact", programme, at, fields=["contact"])
    people = [to] if before is None else [to, before.user]
    for person in people:
        queue_message(
            key=f"contact:{contact.pk}:{person.pk}",
            to=person.email,
            template="ambassadors/mail/contact_changed",
            context={
                "name": person.name,
                "is_new": person == to,
                "link": settings.BASE_URL
                + reverse("portal:staff-programme", args=[programme.slug]),
            },
            language=person.language,
            at=at,
        )
    return contact


@transaction.atomic
def note_activity(
    *, enrolment: Enrolment, kind: str, on: date, note: str, by: User, at: datetime
) -> Activity:
    """Note something the person of ``enrolment`` did. A second click is the first."""
    row = Enrolment.objects.select_for_update(of=("self",)).get(pk=enrolment.pk)
    if row.status not in (
        EnrolmentStatus.ACTIVE,
        EnrolmentStatus.PAUSED,
        EnrolmentStatus.ALUMNI,
    ):
        raise NotInTheTerm
    activity, _ = Activity.objects.get_or_create(
        enrolment=row, kind=kind, on=on, note=note.strip(), defaults={"said_by": by}
    )
    return activity
