"""Events for programs that read news, web calendars, and JSON."""

import datetime as dt
import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import icalendar
import pytest
import time_machine
from django.test import Client

from accounts.models import User
from calendars.domain.programs import add_links
from events.models import Event, Occurrence
from events.queries import public_entry
from events.services.events import cancel_event, draft_event, publish_event
from tests.conftest import NOW
from tests.events.test_publishing import WORDS, on
from tests.factories import OccurrenceFactory

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = ["/events/feed.json", "/events/feed.atom"]


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def circle(coordinator: User) -> Occurrence:
    words = WORDS | {"title": "Circle & <quiet>", "topics": ["sleep"]}
    event = draft_event(words=words, dates=[on()], actor=coordinator, at=NOW)
    publish_event(event=event, actor=coordinator, at=NOW)
    return Occurrence.objects.select_related("event").get()


def test_json_feed_says_what_and_when(client: Client, circle: Occurrence) -> None:
    response = client.get("/events/feed.json")
    assert response["Content-Type"] == "application/feed+json; charset=utf-8"
    feed = response.json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"].endswith("/events/feed.json")
    (item,) = feed["items"]
    assert (item["id"], item["title"]) == (circle.uid, "Circle & <quiet>")
    assert item["url"].endswith(circle.page_path)
    assert item["tags"] == ["Sleep"]
    assert item["_event"]["starts_at"] == "2026-06-04T18:00:00+02:00"
    assert item["_event"]["location"] == "Studio Lindenhof, Lindenstrasse 12"
    assert "Thu 4 June, 18:00–19:30 (Europe/Berlin)" in item["content_text"]


def test_atom_says_the_same(client: Client, circle: Occurrence) -> None:
    response = client.get("/events/feed.atom")
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = ElementTree.fromstring(response.content)  # noqa: S314 - our own
    (entry,) = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "Circle & <quiet>"
    assert entry.findtext(f"{ATOM}id") == f"tag:greenroom.example,2026:{circle.uid}"
    assert entry.findtext(f"{ATOM}updated") == NOW.isoformat()
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href", "").endswith(circle.page_path)


@pytest.mark.parametrize("path", FEEDS)
def test_what_is_cancelled_says_so(
    client: Client, circle: Occurrence, coordinator: User, path: str
) -> None:
    before = client.get(path)
    cancel_event(event=circle.event, note="", actor=coordinator, at=NOW + dt.timedelta(minutes=1))
    after = client.get(path, headers={"if-none-match": before["ETag"]})
    assert after.status_code == 200
    assert b"Cancelled: Circle" in after.content


@pytest.mark.parametrize("path", FEEDS)
def test_only_what_everybody_may_find_is_in_it(client: Client, path: str) -> None:
    for visibility in ("unlisted", "ambassadors"):
        OccurrenceFactory(event__visibility=visibility, event__title="Zqhidden")
    OccurrenceFactory(event__status=Event.Status.DRAFT, event__published_at=None)
    assert b"Zqhidden" not in client.get(path).content
    assert b"/events/evening" not in client.get(path).content


@pytest.mark.parametrize("path", FEEDS)
def test_it_is_narrowed_like_the_list_and_not_sent_twice(
    client: Client, circle: Occurrence, path: str
) -> None:
    assert circle.uid.encode() in client.get(f"{path}?topic=sleep").content
    assert circle.uid.encode() not in client.get(f"{path}?topic=money").content
    etag = client.get(path)["ETag"]
    assert client.get(path, headers={"if-none-match": etag}).status_code == 304
    spanish = client.get(path, headers={"if-none-match": etag, "accept-language": "es"})
    assert spanish.status_code == 200


@pytest.mark.parametrize("path", FEEDS)
def test_an_empty_one_is_the_same_each_time(client: Client, path: str) -> None:
    first = client.get(path).content
    with time_machine.travel(NOW + dt.timedelta(hours=1)):
        assert client.get(path).content == first


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize("count", [1, 3])
def test_it_costs_two_queries_however_long(
    client: Client, path: str, count: int, django_assert_num_queries: object
) -> None:
    for _ in range(count):
        OccurrenceFactory()
    with django_assert_num_queries(2):  # type: ignore[operator]  # pytest-django's
        client.get(path)


# --- Web calendars -----------------------------------------------------------------


def test_each_web_calendar_is_told_the_same_moments(circle: Occurrence) -> None:
    links = add_links(public_entry(circle))
    google = parse_qs(urlsplit(links.google).query)
    assert google["dates"] == ["20260604T160000Z/20260604T173000Z"]
    assert google["text"] == ["Circle & <quiet>"]
    assert google["ctz"] == ["Europe/Berlin"]
    for link in (links.outlook, links.office):
        outlook = parse_qs(urlsplit(link).query)
        assert outlook["startdt"] == ["2026-06-04T16:00:00+00:00"]
        assert outlook["enddt"] == ["2026-06-04T17:30:00+00:00"]
        assert outlook["location"] == ["Studio Lindenhof, Lindenstrasse 12"]
    yahoo = parse_qs(urlsplit(links.yahoo).query)
    assert (yahoo["st"], yahoo["et"]) == (["20260604T160000Z"], ["20260604T173000Z"])


def test_the_page_offers_them_until_the_date_is_cancelled(
    client: Client, circle: Occurrence, coordinator: User
) -> None:
    page = client.get(circle.page_path).content.decode()
    assert "https://calendar.google.com/calendar/render?action=TEMPLATE" in page
    cancel_event(event=circle.event, note="", actor=coordinator, at=NOW)
    assert "calendar/render?action" not in client.get(circle.page_path).content.decode()


def test_an_event_for_members_is_discreet_there_too(client: Client, coordinator: User) -> None:
    words = WORDS | {"visibility": "ambassadors"}
    event = draft_event(words=words, dates=[on()], actor=coordinator, at=NOW)
    publish_event(event=event, actor=coordinator, at=NOW)
    client.force_login(coordinator, backend="accounts.adapters.SignInBackend")
    page = client.get(event.occurrences.get().page_path).content.decode()
    assert "text=Busy&amp;" in page
    assert "text=Evening" not in page


# --- jCal ---------------------------------------------------------------------------


def test_the_api_says_an_event_as_jcal(client: Client, circle: Occurrence) -> None:
    response = client.get(f"/api/v1/events/{circle.event.slug}/calendar")
    assert response["Content-Type"] == "application/calendar+json"
    calendar = icalendar.Calendar.from_jcal(json.loads(response.content))
    (entry,) = calendar.walk("VEVENT")
    assert (entry["UID"], entry["SUMMARY"]) == (circle.uid, "Circle & <quiet>")
    assert entry["DTSTART"].dt == circle.starts_at
    assert [str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")] == ["Europe/Berlin"]
