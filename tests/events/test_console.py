"""Around the coordinator's list: filters, files, the month, copies, links, who did what."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry, User
from accounts.services.grants import give_role
from ambassadors.models import ProgrammeGrant
from events.errors import AlreadyPublished
from events.models import Event
from events.services.events import copy_event, share_draft
from events.services.rsvps import place_rsvp
from tests.conftest import NOW
from tests.factories import EventFactory, OccurrenceFactory, ProgrammeFactory, UserFactory

pytestmark = pytest.mark.django_db
HEAD = "title,time_zone,date,starts,ends,places,summary,format,online_url"


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def staff(client: Client, coordinator: User) -> Client:
    client.force_login(coordinator, backend="accounts.adapters.SignInBackend")
    return client


def upload(client: Client, text: str, **fields: str) -> str:
    file = SimpleUploadedFile("events.csv", text.encode(), content_type="text/csv")
    answer = client.post("/staff/events/import/", {"file": file} | fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def exported(client: Client, query: str = "") -> list[dict[str, str]]:
    client.post(reverse("account_reauthenticate"), {"password": "greenroom-test"})
    answer = client.get(f"/staff/events/export/{query}")
    assert answer["Content-Disposition"] == 'attachment; filename="events.csv"'
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


# --- The list, and its file -----------------------------------------------------------------


def test_the_list_is_narrowed_by_programme_and_by_who_can_see_it(staff: Client) -> None:
    programme = ProgrammeFactory(slug="open-door")
    EventFactory(title="For ambassadors", visibility="ambassadors")
    EventFactory(title="For the programme", visibility="programme", programme=programme)
    page = staff.get("/staff/events/?visibility=ambassadors").content.decode()
    assert "For ambassadors" in page
    assert "For the programme" not in page
    page = staff.get("/staff/events/?programme=open-door").content.decode()
    assert "For the programme" in page
    assert "For ambassadors" not in page


def test_the_file_has_a_line_for_each_date_of_what_the_list_shows(staff: Client) -> None:
    date = OccurrenceFactory(event__title="Circle", capacity=4)
    place_rsvp(occurrence=date, person=UserFactory(), at=NOW)
    OccurrenceFactory(event__title="Draft", event__status="draft")
    (line,) = exported(staff, "?status=published")
    shown = [line[name] for name in ("title", "date", "starts", "ends", "places", "going")]
    assert shown == ["Circle", "2026-06-04", "18:00", "19:30", "4", "1"]
    assert len(exported(staff)) == 2


def test_no_cell_of_the_file_is_a_formula(staff: Client) -> None:
    OccurrenceFactory(event__title="=HYPERLINK(1)", event__summary="@here")
    (line,) = exported(staff)
    assert (line["title"], line["summary"]) == ("'=HYPERLINK(1)", "'@here")


def test_the_file_asks_as_much_for_three_as_for_one(staff: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            exported(staff)
        return len(queries)

    OccurrenceFactory()
    count()  # what is kept for the whole process, or the session, is asked once
    one = count()
    OccurrenceFactory()
    OccurrenceFactory()
    assert count() == one


# --- Import -----------------------------------------------------------------------------------


def test_a_file_is_looked_at_before_anything_is_written(staff: Client) -> None:
    text = (
        f"{HEAD}\n"
        "Circle,Europe/Berlin,2026-06-04,18:00,19:30,10,An hour.,online,https://meet.example.org\n"
        "Circle,Europe/Berlin,2026-06-11,18:00,19:30,10,,,\n"
    )
    page = upload(staff, text)
    assert "1 draft would be written." in page
    assert not Event.objects.exists()
    staff.post("/staff/events/import/", {"text": text, "confirm": "1"})
    event = Event.objects.get()
    assert (event.status, event.summary, event.format) == ("draft", "An hour.", "online")
    starts = event.occurrences.order_by("starts_at").values_list("starts_at", flat=True)
    assert [f"{start:%d %H:%M}" for start in starts] == ["04 16:00", "11 16:00"]


def test_mistakes_are_named_by_line_and_leave_that_event_out(staff: Client) -> None:
    text = (
        f"{HEAD}\n"
        "Good,Europe/Berlin,2026-06-04,18:00,19:30,,,,\n"
        "No zone,Mars/Olympus,2026-06-04,18:00,19:30,,,,\n"
        "No day,Europe/Berlin,tomorrow,18:00,19:30,,,,\n"
        "No such hour,Europe/Berlin,2027-03-28,02:30,04:00,,,,\n"
        "Twice,Europe/Berlin,2026-06-04,18:00,19:30,,,,\n"
        "Twice,Europe/Berlin,2026-06-04,20:00,21:30,,,,\n"
    )
    page = upload(staff, text)
    for wrong in ("Line 3, time_zone", "Line 4, date", "Line 5, starts", "Line 7, date"):
        assert wrong in page
    upload(staff, text, confirm="1")
    assert list(Event.objects.values_list("title", flat=True)) == ["Good"]


def test_importing_a_file_again_writes_nothing_new(staff: Client) -> None:
    text = f"{HEAD}\nCircle,Europe/Berlin,2026-06-04,18:00,19:30,,,,\n"
    upload(staff, text, confirm="1")
    assert "Here already" in upload(staff, text)
    upload(staff, text, confirm="1")
    assert Event.objects.count() == 1


def test_the_list_is_taken_as_a_file_by_who_proves_again_who_they_are(staff: Client) -> None:
    OccurrenceFactory(event__host_briefing="The key is under the mat.")
    asked = staff.get("/staff/events/export/?q=x")
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    assert not AuditEntry.objects.filter(verb="event.export").exists()
    assert len(exported(staff)) == 1
    assert AuditEntry.objects.filter(verb="event.export").count() == 1


def test_what_was_exported_can_be_imported_elsewhere(staff: Client) -> None:
    OccurrenceFactory(event__title="-minus", event__topics=["sleep", "stress"], capacity=7)
    staff.post(reverse("account_reauthenticate"), {"password": "greenroom-test"})
    text = staff.get("/staff/events/export/").content.decode()
    Event.objects.update(title="Another")
    upload(staff, text, confirm="1")
    event = Event.objects.get(title="-minus")
    assert event.topics == ["sleep", "stress"]
    assert event.safety_lead == "Mara Lindqvist"
    assert event.occurrences.get().capacity == 7


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title;date\nA;2026-06-04\n", "time_zone, starts, ends"),
        ("", "The submitted file is empty."),
        (f"{HEAD}\n" + "A,UTC,2026-06-04,18:00,19:30,,,,\n" * 501, "more than 500 lines"),
        (f"{HEAD}\nA,UTC,2026-06-04,18:00\x00,19:30,,,,\n", "This is no CSV file."),
    ],
)
def test_a_file_that_is_none_is_met_with_help(staff: Client, text: str, says: str) -> None:
    assert says in upload(staff, text)
    assert not Event.objects.exists()


def test_nobody_imports_into_a_programme_they_do_not_run(client: Client) -> None:
    mine, other = ProgrammeFactory(slug="mine"), ProgrammeFactory(slug="other")
    user = UserFactory()
    grant = give_role(user=user, role="coordinator", giver=None, at=NOW, all_programmes=False)
    ProgrammeGrant.objects.create(grant=grant, programme=mine)
    client.force_login(user, backend="accounts.adapters.SignInBackend")
    line = "{0},UTC,2026-06-04,18:00,19:30,{0}\n"
    text = "title,time_zone,date,starts,ends,programme\n" + line.format("mine")
    upload(client, text + line.format(other.slug), confirm="1")
    assert list(Event.objects.values_list("title", flat=True)) == ["mine"]


# --- The month --------------------------------------------------------------------------------


def test_the_month_shows_each_date_on_its_day(staff: Client) -> None:
    OccurrenceFactory(event__title="In June")
    OccurrenceFactory(event__title="In August", starts_at=NOW.replace(month=8))
    page = staff.get("/staff/events/month/").content.decode()
    assert "In June" in page
    assert "In August" not in page
    assert "In August" in staff.get("/staff/events/month/?month=2026-08").content.decode()
    for odd in ("2026-13", "9999-12", "0001-01", "x"):
        assert staff.get(f"/staff/events/month/?month={odd}").status_code == 200


def test_the_month_asks_as_much_for_three_as_for_one(staff: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            staff.get("/staff/events/month/")
        return len(queries)

    OccurrenceFactory()
    count()  # what is kept for the whole process, or the session, is asked once
    one = count()
    OccurrenceFactory()
    OccurrenceFactory()
    assert count() == one


# --- Copies, links, history -------------------------------------------------------------------


def test_a_copy_says_the_same_and_has_no_history(coordinator: User) -> None:
    event = OccurrenceFactory(event__slug="circle", event__max_plus_ones=2).event
    share_draft_of = copy_event(event=event, actor=coordinator, at=NOW)
    copied = Event.objects.get(pk=share_draft_of.pk)
    assert (copied.title, copied.body, copied.max_plus_ones) == (event.title, event.body, 2)
    assert (copied.status, copied.published_at, copied.version) == ("draft", None, 1)
    assert copied.slug != event.slug
    assert not copied.occurrences.exists()


def test_a_link_opens_the_draft_until_it_is_taken_back(staff: Client, client: Client) -> None:
    draft = EventFactory(slug="draft", status="draft", published_at=None, title="Not out yet")
    staff.post("/staff/events/draft/share/", {"act": "share"})
    draft.refresh_from_db()
    path = draft.share_path
    assert path in staff.get("/staff/events/draft/share/").content.decode()
    answer = Client().get(path)
    page = answer.content.decode()
    assert "Not out yet" in page
    assert "/staff/" not in page
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    staff.post("/staff/events/draft/share/", {"act": "unshare"})
    assert Client().get(path).status_code == 404
    staff.post("/staff/events/draft/share/", {"act": "share"})
    draft.refresh_from_db()
    assert draft.share_path != path
    assert Client().get(path).status_code == 404
    assert Client().get(draft.share_path).status_code == 200


def test_a_link_to_a_draft_ends_when_it_is_published(coordinator: User) -> None:
    event = EventFactory(share_generation=1)
    assert Client().get(event.share_path).status_code == 404
    with pytest.raises(AlreadyPublished):
        share_draft(event=event, is_shared=True, actor=coordinator, at=NOW)


@pytest.mark.parametrize("token", ["1-guess", "x", "99999999999999999999-a", "-"])
def test_a_guessed_link_opens_nothing(token: str, db: None) -> None:
    EventFactory(status="draft", published_at=None, share_generation=1)
    assert Client().get(f"/preview/{token}/").status_code == 404


def test_who_changed_what_is_shown(staff: Client, coordinator: User) -> None:
    event = EventFactory(slug="circle")
    copy_event(event=event, actor=coordinator, at=NOW)
    copied = Event.objects.exclude(pk=event.pk).get()
    page = staff.get(f"/staff/events/{copied.slug}/history/").content.decode()
    assert "Copied from another event" in page
    assert coordinator.get_short_name() in page
    assert (
        "Nothing is written down yet" in staff.get("/staff/events/circle/history/").content.decode()
    )
