"""Who an ambassador of the demo is, who handles their dates, and whom they can ask."""

from __future__ import annotations

import datetime as dt

from ambassadors.models import Programme
from ambassadors.services import absences, delegates, profiles
from portal.management.demo.world import World


def stage(world: World) -> None:
    artist, manager = world.users["ambassador"], world.users["outsider"]
    asked = delegates.ask_delegate(
        ambassador=artist, email=manager.email, until_on=None, at=world.ago(days=60)
    )
    delegates.accept_delegate(delegate=asked, person=manager, at=world.ago(days=59))
    today = world.at.date()
    absences.add_absence(
        user=artist,
        kind="tour",
        starts_on=today + dt.timedelta(days=20),
        ends_on=today + dt.timedelta(days=41),
        time_zone="Europe/Berlin",
        by=manager,
        at=world.ago(days=3),
    )
    for programme in Programme.objects.order_by("pk"):
        profiles.hand_over(
            programme=programme,
            to=world.users["coordinator"],
            by=world.users["admin"],
            at=world.ago(days=500),
        )
    enrolment = artist.enrolments.get()
    profiles.note_activity(
        enrolment=enrolment,
        kind="welcomed",
        on=today - dt.timedelta(days=30),
        note="Two people in their first week",
        by=artist,
        at=world.ago(days=29),
    )
    for enrolment in world.ambassadors:
        programme = enrolment.term.programme
        if programme.slug != "first-light" or world.random.random() > 0.2:
            continue
        profiles.save_profile(
            user=enrolment.user,
            name=enrolment.user.name,
            pronouns="they/them",
            pronouns_to="programme",
            languages=["en"],
            about="Writes slowly, tours slowly, answers letters.",
            links=[f"https://example.org/music/{enrolment.pk}"],
            shown_in=[programme],
            at=world.ago(days=40),
        )
