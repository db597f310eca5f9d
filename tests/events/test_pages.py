"""What people see and press."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from events.models import CheckIn, Event, Occurrence, Rsvp
from events.services.rsvps import place_rsvp
from notifications.models import Message
from tests.conftest import NOW
from tests.events.conftest import ANA, minutes, publish, write_mails
from tests.factories import (
    EventFactory,
    OccurrenceFactory,
    ProgrammeFactory,
    RsvpFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Any:
    cache.clear()
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="accounts.adapters.SignInBackend")
    return client


def path_of(occurrence: Occurrence) -> str:
    return f"/events/{occurrence.event.slug}/"


def test_the_list_shows_what_is_to_come_and_public(client: Client) -> None:
    OccurrenceFactory(event__title="To come")
    OccurrenceFactory(event__title="Over", starts_at=NOW - dt.timedelta(days=1))
    OccurrenceFactory(event__title="By link only", event__visibility="unlisted")
    OccurrenceFactory(event__title="Ours only", event__visibility="ambassadors")
    OccurrenceFactory(event__title="Not yet", event__status="draft")
    page = client.get("/events/").content.decode()
    assert "To come" in page
    for hidden in ("Over", "By link only", "Ours only", "Not yet"):
        assert f">{hidden}</a>" not in page


def test_the_list_is_narrowed_by_what_is_asked_for(client: Client) -> None:
    programme = ProgrammeFactory(slug="open-door")
    OccurrenceFactory(
        event__title="The one",
        event__format="online",
        event__language="es",
        event__topics=["sleep"],
        event__programme=programme,
        event__summary="Slow breathing",
    )
    OccurrenceFactory(event__title="Another")
    for query in (
        "format=online",
        "language=es",
        "topic=sleep",
        "programme=open-door",
        "q=breathing+slow",
        "from=2026-06-04&to=2026-06-04&topic=sleep",
    ):
        page = client.get(f"/events/?{query}").content.decode()
        assert "The one" in page, query
        assert "Another" not in page, query
    assert "Nothing fits all of that" in client.get("/events/?from=2026-06-05").content.decode()
    unreadable = client.get("/events/?from=soon&format=magic")
    assert unreadable.status_code == 200
    assert b"Another" in unreadable.content


@pytest.mark.parametrize("user", ["anonymous", "attendee", "coordinator"])
def test_lists_ask_the_same_number_of_questions_for_one_row_and_for_three(
    user: str,
    attendee: User,
    coordinator: User,
) -> None:
    people = {"attendee": attendee, "coordinator": coordinator}
    client = signed_in(people[user]) if user in people else Client()
    first = OccurrenceFactory()
    paths = ["/events/", path_of(first), "/events/feed.ics"]
    if user != "anonymous":
        RsvpFactory(occurrence=first, user=people[user])
        paths.append("/me/events/")
    if user == "coordinator":
        paths += ["/staff/events/", f"/staff/events/{first.event.slug}/door/?q=o"]

    def count() -> dict[str, int]:
        counts = {}
        for path in paths:
            client.get(path)
            cache.clear()
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert client.get(path).status_code == 200
            counts[path] = len(captured)
        return counts

    one = count()
    for week in (1, 2):
        other = OccurrenceFactory(
            event=first.event, starts_at=first.starts_at + dt.timedelta(weeks=week)
        )
        OccurrenceFactory()
        RsvpFactory.create_batch(2, occurrence=first)
        if user != "anonymous":
            RsvpFactory(occurrence=other, user=people[user])
    assert count() == one
    assert max(one.values()) <= 14


def test_a_place_that_is_kept_for_somebody_is_not_called_left(client: Client) -> None:
    occurrence = OccurrenceFactory(capacity=2)
    RsvpFactory(occurrence=occurrence)
    assert "1 place left" in client.get("/events/").text
    RsvpFactory(
        occurrence=occurrence,
        status=Rsvp.Status.OFFERED,
        queued_at=NOW,
        hold_expires_at=NOW + dt.timedelta(hours=1),
    )
    page = client.get("/events/").text
    assert "place left" not in page
    assert "Full: waiting list" in page


def test_the_page_says_when_where_and_that_one_is_not_in_yet(client: Client) -> None:
    occurrence = OccurrenceFactory(capacity=3)
    page = client.get(path_of(occurrence)).content.decode()
    assert 'Thu 4 June, 18:00<span class="to">–19:30</span>' in page
    assert "in Berlin" in page
    assert "Studio Lindenhof" in page
    assert "Will you come?" in page
    assert "3 places left" in page
    assert "<strong>Nothing to prepare.</strong>" in page


def test_what_people_write_cannot_run_in_the_page(client: Client) -> None:
    occurrence = OccurrenceFactory(
        event__title="<script>alert(1)</script>",
        event__body="<script>alert(2)</script> [x](javascript:alert(3))",
    )
    page = client.get(path_of(occurrence)).content.decode()
    assert "<script>alert" not in page
    assert 'href="javascript' not in page


def test_a_date_is_found_by_its_day(client: Client) -> None:
    first = OccurrenceFactory()
    OccurrenceFactory(event=first.event, starts_at=first.starts_at + dt.timedelta(days=7))
    path = path_of(first)
    assert "Thu 11 June, 18:00" in client.get(f"{path}?date=2026-06-11").content.decode()


def test_a_day_that_is_no_date_leads_to_what_there_is(client: Client) -> None:
    """Old mails and messages hold the day on which a date was before it moved."""
    path = path_of(OccurrenceFactory())
    for day in ("2026-06-12", "soon"):
        page = client.get(f"{path}?date={day}", follow=True)
        assert page.redirect_chain == [(path, 302)]
        assert "There is nothing on that day" in page.content.decode()
    yes = {"date": "2026-06-12", "name": "Ana", "email": "ana@example.org"}
    assert client.post(f"{path}rsvp/", yes)["Location"] == path
    assert not Rsvp.objects.exists()


def test_a_day_that_is_no_date_tells_nothing_of_a_hidden_event(client: Client) -> None:
    path = path_of(OccurrenceFactory(event__visibility="ambassadors"))
    assert client.get(f"{path}?date=2026-06-12").status_code == 404
    assert client.post(f"{path}rsvp/", {"date": "2026-06-12"}).status_code == 404


def test_the_way_in_is_shown_only_to_those_who_are_going(attendee: User, outsider: User) -> None:
    link = "https://meet.example.org/secret-room"
    occurrence = OccurrenceFactory(event__format="online", event__online_url=link)
    place_rsvp(occurrence=occurrence, person=attendee, at=NOW)
    path = path_of(occurrence)
    assert link in signed_in(attendee).get(path).content.decode()
    for client in (Client(), signed_in(outsider)):
        assert link not in client.get(path).content.decode()
    assert link not in Client().get("/events/feed.ics").content.decode()
    assert link not in signed_in(attendee).get(f"{path}event.ics").content.decode()


def test_signed_in_it_is_one_press(attendee: User) -> None:
    occurrence = OccurrenceFactory(capacity=1)
    client = signed_in(attendee)
    answer = client.post(f"{path_of(occurrence)}rsvp/", {"date": "2026-06-04"}, follow=True)
    assert "You are going" in answer.content.decode()
    assert Rsvp.objects.get().status == "going"
    late = signed_in(UserFactory())
    answer = late.post(f"{path_of(occurrence)}rsvp/", {"date": "2026-06-04"}, follow=True)
    assert "You are number 1 on the waiting list" in answer.content.decode()


def test_a_guest_confirms_by_the_link_in_the_mail(client: Client) -> None:
    occurrence = OccurrenceFactory(capacity=1)
    answer = client.post(
        f"{path_of(occurrence)}rsvp/",
        {"date": "2026-06-04", "name": "Ana", "email": "ana@example.org"},
        follow=True,
    )
    page = answer.content.decode()
    assert "we have sent a link to ana@example.org" in page
    assert "it is kept for you for 15 minutes" in page
    assert "Look into your mail" in page
    assert 'name="email"' not in page
    rsvp = Rsvp.objects.get()
    link = f"/rsvp/{rsvp.token}/"
    assert link in Message.objects.get().text
    for method in (client.get, client.head):
        assert method(link).status_code == 200
        rsvp.refresh_from_db()
        assert rsvp.status == "pending"
    page = client.post(link, {"act": "confirm"}, follow=True).content.decode()
    assert "Confirmed: you are going" in page
    rsvp.refresh_from_db()
    assert rsvp.status == "going"
    client.post(link, {"act": "leave"})
    rsvp.refresh_from_db()
    assert rsvp.status == "left"


def test_no_place_is_promised_where_hosts_decide(client: Client) -> None:
    occurrence = OccurrenceFactory(event__needs_approval=True)
    fields = {"date": "2026-06-04", "name": "Ana", "email": "ana@example.org"}
    page = client.post(f"{path_of(occurrence)}rsvp/", fields, follow=True).content.decode()
    assert "we have sent a link to ana@example.org" in page
    assert "kept for you" not in page


def test_a_form_with_mistakes_keeps_what_was_typed(client: Client) -> None:
    occurrence = OccurrenceFactory(event__max_plus_ones=1)
    answer = client.post(
        f"{path_of(occurrence)}rsvp/",
        {
            "date": "2026-06-04",
            "name": "Ana",
            "email": "ana@",
            "party_size": "1",
            "companions": "Bo",
        },
    )
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'value="Ana"' in page
    assert "Enter a valid email address" in page
    assert "There are more names than people" in page
    assert Rsvp.objects.count() == 0


def test_nobody_learns_whether_an_address_is_known(client: Client, attendee: User) -> None:
    occurrence = OccurrenceFactory()
    place_rsvp(occurrence=occurrence, person=attendee, at=NOW)
    pages = []
    for email in (attendee.email, "unknown@example.org"):
        answer = client.post(
            f"{path_of(occurrence)}rsvp/",
            {"date": "2026-06-04", "name": "A", "email": email},
            follow=True,
        )
        pages.append(answer.content.decode().replace(email, "…"))
    assert [line for line in pages[0].splitlines() if "csrf" not in line] == [
        line for line in pages[1].splitlines() if "csrf" not in line
    ]


def test_one_network_cannot_hold_every_place(client: Client) -> None:
    occurrence = OccurrenceFactory(capacity=500)
    for number in range(22):
        client.post(
            f"{path_of(occurrence)}rsvp/",
            {"date": "2026-06-04", "name": "A", "email": f"a{number}@example.org"},
        )
    assert Rsvp.objects.filter(hold_expires_at__isnull=False).count() == 20
    assert Rsvp.objects.filter(status="pending").count() == 22


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {
                "status": "cancelled",
                "cancelled_at": NOW,
                "cancellation_note": "The pipes burst.",
            },
            "The pipes burst.",
        ),
        ({"rsvp_opens_at": minutes(60)}, "not open yet"),
        ({"rsvp_closes_at": NOW}, "RSVPs for this date are closed"),
    ],
)
def test_a_closed_date_says_why_and_refuses_help_fully(
    client: Client, fields: dict[str, Any], words: str
) -> None:
    occurrence = OccurrenceFactory()
    publish(occurrence, **fields)
    assert words in client.get(path_of(occurrence)).content.decode()
    answer = client.post(
        f"{path_of(occurrence)}rsvp/",
        {"date": "2026-06-04", "name": "Ana", "email": "ana@example.org"},
    )
    assert words in answer.content.decode()
    assert Rsvp.objects.count() == 0


def test_an_unknown_or_expired_link_offers_a_way_on(client: Client) -> None:
    unknown = client.get("/rsvp/nothing/")
    assert unknown.status_code == 404
    assert "Perhaps a part of it got lost" in unknown.content.decode()
    occurrence = OccurrenceFactory(starts_at=NOW + dt.timedelta(days=9))
    rsvp = place_rsvp(occurrence=occurrence, person=ANA, at=NOW - dt.timedelta(days=2))
    expired = client.get(f"/rsvp/{rsvp.token}/")
    assert expired.status_code == 404
    assert "This link has expired" in expired.content.decode()
    assert path_of(occurrence) in expired.content.decode()
    client.post(f"/rsvp/{rsvp.token}/", {"act": "confirm"})
    rsvp.refresh_from_db()
    assert rsvp.status == "pending"


def test_a_party_is_changed_by_link_and_a_refusal_keeps_it(client: Client) -> None:
    occurrence = OccurrenceFactory(capacity=2, event__max_plus_ones=2)
    rsvp = place_rsvp(occurrence=occurrence, person=UserFactory(), at=NOW)
    link = f"/rsvp/{rsvp.token}/"
    client.post(link, {"act": "change", "party_size": "2", "companions": "Bo"})
    rsvp.refresh_from_db()
    assert (rsvp.party_size, rsvp.companions) == (2, ["Bo"])
    refused = client.post(link, {"act": "change", "party_size": "3", "companions": "Bo\nCy"})
    assert "no more places. You keep the ones you have" in refused.content.decode()
    rsvp.refresh_from_db()
    assert rsvp.party_size == 2


def test_the_page_behind_a_link_is_nobody_elses_business(client: Client) -> None:
    rsvp = RsvpFactory()
    answer = client.get(f"/rsvp/{rsvp.token}/")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer["X-Robots-Tag"]
    assert "no-store" in answer["Cache-Control"]


def test_ones_own_list_has_going_and_waiting_with_the_turn(attendee: User) -> None:
    full = OccurrenceFactory(capacity=0, event__title="Full one")
    place_rsvp(occurrence=full, person=UserFactory(), at=NOW)
    place_rsvp(occurrence=full, person=attendee, at=minutes(1))
    RsvpFactory(user=attendee, occurrence__event__title="Sure one")
    RsvpFactory(occurrence__event__title="Somebody else's")
    page = signed_in(attendee).get("/me/events/").content.decode()
    assert "Waiting list: number 2" in page
    assert "Sure one" in page
    assert "Somebody else" not in page


def form_of(event: Event | None = None, **changes: Any) -> dict[str, Any]:
    """What a browser sends from the editor."""
    data: dict[str, Any] = {
        "title": "Evening circle",
        "summary": "An hour.",
        "body": "Come.",
        "language": "en",
        "topics": ["sleep"],
        "visibility": "public",
        "format": "in_person",
        "time_zone": "Europe/Berlin",
        "place_name": "Studio",
        "address": "Street 1",
        "max_plus_ones": "0",
        "minimum_age": "18",
        "safety_lead": "Mara",
        "host_briefing": "Open early.",
        "emergency_number": "112",
        "emergency_address": "Door",
        "quiet_space": "Room",
        "version": str(event.version if event else 0),
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "0",
        "form-0-on": "2026-06-10",
        "form-0-starts": "18:00",
        "form-0-ends": "19:30",
        "form-0-capacity": "12",
    }
    return data | changes


def test_a_coordinator_writes_previews_and_publishes(coordinator: User) -> None:
    client = signed_in(coordinator)
    answer = client.post("/staff/events/new/", form_of())
    event = Event.objects.get()
    assert answer["Location"] == f"/staff/events/{event.slug}/"
    occurrence = event.occurrences.get()
    assert occurrence.starts_at == dt.datetime(2026, 6, 10, 16, 0, tzinfo=dt.UTC)
    assert (occurrence.capacity, occurrence.starts_on) == (12, dt.date(2026, 6, 10))
    assert Client().get(f"/events/{event.slug}/").status_code == 404
    preview = client.get(f"/staff/events/{event.slug}/preview/").content.decode()
    assert "Nobody but staff can see this yet" in preview
    client.post(f"/staff/events/{event.slug}/publish/")
    assert "Evening circle" in Client().get("/events/").content.decode()
    assert b"SUMMARY:Evening circle" in Client().get("/events/feed.ics").content


def test_publishing_too_early_lists_what_is_missing(coordinator: User) -> None:
    client = signed_in(coordinator)
    client.post("/staff/events/new/", form_of(safety_lead="", publish="1"))
    event = Event.objects.get()
    assert event.status == "draft"
    page = client.get(f"/staff/events/{event.slug}/").content.decode()
    assert "Name the person who is there to help" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": ""}, "Fill this in."),
        ({"form-0-on": "2026-03-29", "form-0-starts": "02:30"}, "this time does not exist"),
        (
            {"form-0-on": "2026-10-25", "form-0-starts": "02:30", "form-0-ends": "04:00"},
            "this time happens twice",
        ),
        ({"form-0-starts": "late"}, "Enter a valid time"),
        ({"visibility": "programme"}, "Choose the programme"),
        (
            {"rsvp_opens_at": "2026-06-05T10:00", "rsvp_closes_at": "2026-06-04T10:00"},
            "RSVPs must close after they open",
        ),
        (
            {
                "form-TOTAL_FORMS": "2",
                "form-1-on": "2026-06-10",
                "form-1-starts": "20:00",
                "form-1-ends": "21:00",
            },
            "already a date on this day",
        ),
    ],
)
def test_a_mistake_in_the_editor_is_met_with_help(
    coordinator: User, changes: dict[str, Any], words: str
) -> None:
    page = signed_in(coordinator).post("/staff/events/new/", form_of(**changes)).content.decode()
    assert words in page
    assert "Open early." in page
    assert Event.objects.count() == 0


def test_a_draft_may_have_no_date_yet(coordinator: User) -> None:
    empty = dict.fromkeys(("form-0-on", "form-0-starts", "form-0-ends", "form-0-capacity"), "")
    client = signed_in(coordinator)
    shown = client.get("/staff/events/new/").content.decode()
    assert 'name="form-INITIAL_FORMS" value="1"' in shown
    client.post("/staff/events/new/", form_of(**empty, **{"form-INITIAL_FORMS": "1"}))
    event = Event.objects.get()
    assert event.occurrences.count() == 0
    page = client.get(f"/staff/events/{event.slug}/").content.decode()
    assert "Add at least one date" in page


def test_the_words_of_an_event_that_is_over_can_still_be_put_right(coordinator: User) -> None:
    over = OccurrenceFactory(starts_at=NOW - dt.timedelta(days=1))
    empty = dict.fromkeys(("form-0-on", "form-0-starts", "form-0-ends", "form-0-capacity"), "")
    signed_in(coordinator).post(
        f"/staff/events/{over.event.slug}/", form_of(over.event, **empty, title="Put right")
    )
    over.event.refresh_from_db()
    assert over.event.title == "Put right"
    assert over.event.occurrences.count() == 1


def test_the_hour_that_happens_twice_is_the_one_that_was_chosen(coordinator: User) -> None:
    answers = {"form-0-on": "2026-10-25", "form-0-starts": "02:30", "form-0-ends": "04:00"}
    signed_in(coordinator).post(
        "/staff/events/new/", form_of(**answers, **{"form-0-which": "second"})
    )
    assert Occurrence.objects.get().starts_at == dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC)


def test_weekly_dates_are_added_with_one_press_and_nothing_is_saved_yet(
    coordinator: User,
) -> None:
    page = (
        signed_in(coordinator)
        .post("/staff/events/new/", form_of(add_weeks="1", title=""))
        .content.decode()
    )
    for day in ("2026-06-10", "2026-06-17", "2026-06-24", "2026-07-01", "2026-07-08"):
        assert f'value="{day}"' in page
    assert "Fill this in." not in page
    assert "Open early." in page
    assert Event.objects.count() == 0


def test_the_second_editor_sees_what_the_first_wrote(coordinator: User) -> None:
    client = signed_in(coordinator)
    client.post("/staff/events/new/", form_of())
    event = Event.objects.get()
    date = {"form-0-occurrence": str(event.occurrences.get().pk)}
    client.post(f"/staff/events/{event.slug}/", form_of(event, **date, title="First"))
    answer = client.post(f"/staff/events/{event.slug}/", form_of(event, **date, title="Second"))
    page = answer.content.decode()
    assert "has changed this event since you opened it" in page
    assert "First" in page
    assert 'value="Second"' in page
    event.refresh_from_db()
    assert event.title == "First"
    client.post(f"/staff/events/{event.slug}/", form_of(event, **date, title="Second", version="2"))
    event.refresh_from_db()
    assert event.title == "Second"


def test_what_is_different_on_one_date_outlives_the_form_of_the_event(coordinator: User) -> None:
    client = signed_in(coordinator)
    client.post("/staff/events/new/", form_of(publish="1"))
    event = Event.objects.get()
    path = f"/staff/events/{event.slug}/"
    different = {"other_place": "The garden", "note": "Bring a coat."}
    of_date = {"on": "2026-06-10", "starts": "18:00", "ends": "19:30", "capacity": "12"}
    client.post(f"{path}dates/2026-06-10/", of_date | different | {"version": "2"})
    date = event.occurrences.get()
    assert (date.other_place, date.note, date.sequence) == ("The garden", "Bring a coat.", 1)
    event.refresh_from_db()
    client.post(path, form_of(event, title="Another title", **{"form-0-occurrence": str(date.pk)}))
    event.refresh_from_db()
    date.refresh_from_db()
    assert event.title == "Another title"
    assert (date.other_place, date.note, date.sequence) == ("The garden", "Bring a coat.", 1)
    # The form of a date asks for a place only where there is one; what was said is kept.
    Event.objects.update(format="online", online_url="https://rooms.example.org/1")
    of_date |= {"note": "Bring a hat.", "version": str(event.version)}
    client.post(f"{path}dates/2026-06-10/", of_date)
    date.refresh_from_db()
    assert (date.other_place, date.note) == ("The garden", "Bring a hat.")


def test_cancelling_asks_for_a_message(coordinator: User) -> None:
    rsvp = RsvpFactory()
    event = rsvp.occurrence.event
    client = signed_in(coordinator)
    path = f"/staff/events/{event.slug}/cancel/"
    assert "Fill this in." in client.post(path, {"note": ""}).content.decode()
    event.refresh_from_db()
    assert event.status == "published"
    client.post(path, {"note": "The pipes burst."})
    event.refresh_from_db()
    assert event.status == "cancelled"
    write_mails()
    assert Message.objects.get().to == rsvp.user.email


def test_the_door_counts_who_came_and_takes_it_back(coordinator: User) -> None:
    rsvp = RsvpFactory(party_size=3)
    client = signed_in(coordinator)
    path = f"/staff/events/{rsvp.occurrence.event.slug}/door/"
    act = f"{path}{rsvp.reference}/"
    for _ in range(2):
        client.post(act, {"act": "in", "people": "2"})
    assert CheckIn.objects.standing().get().people_count == 2
    assert "2 of 3 here" in client.get(f"{path}?q={rsvp.reference}").content.decode()
    client.post(act, {"act": "undo"})
    assert CheckIn.objects.standing().count() == 0
    client.post(act, {"act": "in", "people": "99"})
    assert CheckIn.objects.standing().get().people_count == 3
    assert rsvp.reference in client.get(f"{path}?q={rsvp.reference.lower()}").content.decode()
    assert "Nobody of that name" in client.get(f"{path}?q=nobody").content.decode()


def test_somebody_waiting_cannot_be_checked_in(coordinator: User) -> None:
    rsvp = RsvpFactory(status="waitlisted", queued_at=NOW)
    path = f"/staff/events/{rsvp.occurrence.event.slug}/door/{rsvp.reference}/"
    answer = signed_in(coordinator).post(path, {"act": "in"}, follow=True)
    assert "Only people who are going can be checked in" in answer.content.decode()
    assert CheckIn.objects.count() == 0


def test_staff_add_somebody_at_the_door(coordinator: User) -> None:
    occurrence = OccurrenceFactory(capacity=1)
    client = signed_in(coordinator)
    path = f"/staff/events/{occurrence.event.slug}/door/add/"
    data = {"date": "2026-06-04", "name": "Bo", "email": "bo@example.org"}
    assert "They are going" in client.post(path, data, follow=True).content.decode()
    data["email"] = "cy@example.org"
    assert "on the waiting list" in client.post(path, data, follow=True).content.decode()
    assert "Enter a valid" in client.post(path, data | {"email": "x"}).content.decode()


def test_a_coordinator_of_one_programme_sees_only_its_events(coordinator: User) -> None:
    coordinator.staff_grants.update(all_programmes=False)
    event = EventFactory(slug="not-theirs")
    client = signed_in(coordinator)
    assert client.get(f"/staff/events/{event.slug}/").status_code == 404
    assert "not-theirs" not in client.get("/staff/events/").content.decode()


def test_a_yes_over_http_takes_few_statements(attendee: User) -> None:
    occurrence = OccurrenceFactory(capacity=5)
    client = signed_in(attendee)
    client.get("/events/")  # the first request of a session also notes when it began
    with CaptureQueriesContext(connection) as captured:
        client.post(f"{path_of(occurrence)}rsvp/", {"date": "2026-06-04"})
    assert Rsvp.objects.count() == 1
    # The goal of the write path, with the session, the person and the mail row.
    assert len(captured) <= 12, "\n".join(query["sql"][:150] for query in captured)
