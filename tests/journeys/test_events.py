"""From a published event to a place in somebody's calendar, as people with a browser do it."""

import re
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Role, User
from accounts.services.grants import give_role
from events.models import Occurrence, Rsvp
from events.services.due_mails import write_due
from notifications.models import Message
from tests.journeys.conftest import PHONE, Open


def coordinator() -> User:
    user = User.objects.create_user("coordinator@example.org", name="Noor", time_zone="UTC")
    give_role(user=user, role=Role.COORDINATOR, giver=None, at=timezone.now())
    return user


def link_in_mail(to: str, path: str = "/rsvp/") -> str:
    """The address a person would press in the newest mail they got."""
    message = Message.objects.filter(to=to).latest("pk")
    found = re.search(rf"{path}\S+", message.text)
    assert found is not None, message.text
    return found.group()


def write_event(page: Page, *, places: str) -> None:
    """Fill in everything an event must say; its date is in a week."""
    answers = {
        "Title": "Evening circle",
        "Summary": "An unhurried hour to land after the week.",
        "About this event": "Come as you are. **Nothing to prepare.**",
        "Place": "Studio Lindenhof",
        "Address of the place": "Lindenstrasse 12, Berlin",
        "Safety lead": "Mara Lindqvist",
        "Host briefing": "Open the room early.",
        "Emergency number": "112",
        "Emergency address": "Lindenstrasse 12, courtyard door",
        "Quiet space": "The small control room",
        "Places": places,
        "Day": (timezone.now() + timedelta(days=7)).date().isoformat(),
        "Starts": "18:00",
        "Ends": "19:30",
    }
    for label, answer in answers.items():
        # A label may be followed by "(optional)".
        page.get_by_label(re.compile(rf"^{label}( \(optional\))?$")).fill(answer)
    page.get_by_label("Time zone").select_option("Europe/Berlin")


def say_yes(open_page: Open, name: str, email: str, check: Callable[[Page], None]) -> Page:
    """A guest on a phone says yes and confirms by the link in their mail."""
    page = open_page("/events/", width=PHONE)
    page.get_by_role("link", name="Evening circle").click()
    check(page)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your e-mail address").fill(email)
    page.get_by_role("button", name=re.compile("Send me the link|Join the waiting list")).click()
    expect(page.get_by_text(f"we have sent a link to {email}")).to_be_visible()
    page.goto(link_in_mail(email))
    check(page)
    page.get_by_role("button", name="Confirm").click()
    return page


def test_publish_say_yes_leave_and_the_next_in_line_has_the_place(
    open_page: Open, check_accessible: Callable[[Page], None], settings: object
) -> None:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # the second factor has its own
    console = open_page("/staff/events/new/", user=coordinator())
    check_accessible(console)
    write_event(console, places="1")
    console.get_by_role("button", name="Save", exact=True).click()
    console.get_by_role("link", name="Preview").click()
    expect(console.get_by_text("Nobody but staff can see this yet.")).to_be_visible()
    check_accessible(console)
    console.get_by_role("button", name="Publish").click()
    expect(console.get_by_text("Published. It is on the list and in the feed now.")).to_be_visible()

    ana = say_yes(open_page, "Ana", "ana@example.org", check_accessible)
    expect(ana.get_by_role("heading", name="You are going")).to_be_visible()
    files = Message.objects.filter(to="ana@example.org").latest("pk").files
    uid = Occurrence.objects.get().uid
    assert f"UID:{uid}".encode() in files[0].content
    assert uid in console.request.get("/events/feed.ics").text()

    bo = say_yes(open_page, "Bo", "bo@example.org", check_accessible)
    expect(bo.get_by_role("heading", name="You are number 1 on the waiting list")).to_be_visible()
    check_accessible(bo)

    ana.get_by_role("button", name="Leave").click()
    expect(ana.get_by_role("heading", name="You have left")).to_be_visible()
    bo.goto(link_in_mail("bo@example.org"))
    expect(bo.get_by_role("heading", name="You are going")).to_be_visible()
    write_due(limit=10, at=timezone.now())
    assert (
        Message.objects.filter(to="bo@example.org")
        .latest("pk")
        .subject.startswith("A place became yours")
    )

    console.goto(f"/staff/events/{Occurrence.objects.get().event.slug}/door/")
    check_accessible(console)
    console.get_by_label("Name or reference").fill("bo")
    console.get_by_role("button", name="Find").click()
    console.get_by_role("button", name="Check in").click()
    expect(console.get_by_text("Bo is in.")).to_be_visible()
    assert Rsvp.objects.going().get().check_ins.get().people_count == 1


def test_it_all_works_without_scripts(open_page: Open) -> None:
    from tests.factories import OccurrenceFactory

    start = timezone.now() + timedelta(days=7)
    occurrence = OccurrenceFactory(starts_at=start, event__title="Evening circle")
    page = open_page("/events/", width=PHONE, scripts=False)
    page.get_by_role("link", name="Evening circle").click()
    page.get_by_label("Your name").fill("Ana")
    page.get_by_label("Your e-mail address").fill("ana@example.org")
    page.get_by_role("button", name="Send me the link").click()
    page.goto(link_in_mail("ana@example.org"))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="You are going")).to_be_visible()
    assert Rsvp.objects.get().occurrence == occurrence
