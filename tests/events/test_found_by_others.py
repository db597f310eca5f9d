"""How others find an event, and that nobody finds what they may not see."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.conf import settings as site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import features

from accounts.models import User
from common.pictures import event_picture
from events.models import Event, Occurrence
from events.services.dates import save_with_entry
from tests.conftest import NOW
from tests.factories import (
    EnrolmentFactory,
    EventFactory,
    OccurrenceFactory,
    ProgrammeFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


def facts_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert found
    facts: dict[str, Any] = json.loads(found[1])
    return facts


# --- What a page says to programs ----------------------------------------------------------


def test_a_page_says_its_facts_as_schema_org_has_them(client: Client) -> None:
    OccurrenceFactory(
        event__slug="circle",
        event__title="Circle",
        event__format="hybrid",
        capacity=5,
        event__online_url="https://meet.example.org/secret",
    )
    page = client.get("/events/circle/").content.decode()
    facts = facts_of(page)
    assert (facts["@type"], facts["name"]) == ("Event", "Circle")
    assert facts["startDate"] == "2026-06-04T18:00:00+02:00"
    assert facts["eventStatus"] == "https://schema.org/EventScheduled"
    assert [place["@type"] for place in facts["location"]] == ["Place", "VirtualLocation"]
    assert facts["maximumAttendeeCapacity"] == 5
    assert "meet.example.org" not in page
    assert f'<meta property="og:image" content="{facts["image"][0]}">' in page


def test_a_cancelled_date_says_so_to_programs(client: Client) -> None:
    OccurrenceFactory(event__slug="circle", cancelled_at=NOW)
    facts = facts_of(client.get("/events/circle/").content.decode())
    assert facts["eventStatus"] == "https://schema.org/EventCancelled"


def test_no_title_ends_the_element_of_the_facts(client: Client) -> None:
    OccurrenceFactory(event__slug="circle", event__title="</script><script>alert(1)</script>&")
    page = client.get("/events/circle/").content.decode()
    assert "<script>alert" not in page
    assert facts_of(page)["name"] == "</script><script>alert(1)</script>&"


def test_a_picture_is_drawn_once_and_again_when_the_event_changes(client: Client) -> None:
    event = OccurrenceFactory(event__slug="circle").event
    answer = client.get("/events/circle/picture.png")
    assert answer.content.startswith(PNG)
    assert len(answer.content) < 100_000
    again = client.get("/events/circle/picture.png", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    Event.objects.filter(pk=event.pk).update(version=2)
    assert client.get("/events/circle/picture.png")["ETag"] != answer["ETag"]


@pytest.mark.parametrize("title", ["", "昼の会", "x" * 120, "A word " * 17, "مساء", "a\x07b"])
def test_any_title_has_a_picture(title: str, db: None) -> None:
    picture = event_picture(seed="circle", title=title, lines=[title, "Berlin"])
    assert picture.startswith(PNG)


def drawn(title: str, *lines: str) -> bytes:
    return event_picture(seed="circle", title=title, lines=list(lines))


@pytest.mark.parametrize(
    "title", ["Łódź, wieczór ćwiczeń", "Κύκλος μουσικών", "Тихий час", "Đà Nẵng"]
)
def test_a_title_in_another_alphabet_is_in_the_picture(title: str) -> None:
    assert drawn(title) != drawn("")


@pytest.mark.parametrize(
    "title", ["حلقة هادئة Live", "מעגל שקט", "संगीतकारों के लिए", "วงเงียบสำหรับนักดนตรี" * 3]
)
def test_a_script_that_joins_or_runs_the_other_way_is_set_right_or_not_at_all(title: str) -> None:
    """Pillow sets it with Raqm, which needs the system's libfribidi."""
    assert (drawn(title) != drawn("")) is features.check("raqm")


def test_what_no_font_of_ours_has_is_left_out_and_the_rest_is_there() -> None:
    assert drawn("静かな時間", "Berlin") == drawn("", "Berlin") != drawn("", "")
    assert drawn("Tea 🍵", "Berlin") == drawn("", "Berlin")


def test_pictures_differ_by_event_and_by_words() -> None:
    def draw(seed: str, title: str) -> bytes:
        return event_picture(seed=seed, title=title, lines=[])

    assert draw("a", "Circle") == draw("a", "Circle")
    assert len({draw("a", "Circle"), draw("b", "Circle"), draw("a", "Square")}) == 3


# --- On other people's pages -----------------------------------------------------------------


def test_the_list_for_other_sites_may_be_framed_and_knows_nobody(
    client: Client, coordinator: User
) -> None:
    client.force_login(coordinator, backend="accounts.adapters.SignInBackend")
    OccurrenceFactory(event__title="For all", event__format="online")
    OccurrenceFactory(event__title="For ambassadors", event__visibility="ambassadors")
    answer = client.get("/embed/events/")
    page = answer.content.decode()
    assert "For all" in page
    assert "For ambassadors" not in page
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert "X-Frame-Options" not in answer
    assert "frame-ancestors *" in answer["Content-Security-Policy"]
    assert "For all" not in client.get("/embed/events/?format=in_person").content.decode()


def test_every_other_page_stays_out_of_frames(client: Client) -> None:
    OccurrenceFactory(event__slug="circle")
    for path in ("/", "/events/", "/events/circle/", "/help/"):
        answer = client.get(path)
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_the_list_for_other_sites_asks_as_much_for_three_as_for_one(client: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get("/embed/events/")
        return len(queries)

    OccurrenceFactory()
    one = count()
    OccurrenceFactory()
    OccurrenceFactory()
    assert count() == one


def test_an_address_becomes_a_card(client: Client) -> None:
    OccurrenceFactory(event__slug="circle", event__title='A "<circle>"')
    url = f"{site.BASE_URL}/events/circle/?date=2026-06-04"
    answer = client.get("/oembed", {"url": url, "maxwidth": "300"})
    card = answer.json()
    assert (card["version"], card["type"], card["width"]) == ("1.0", "rich", 300)
    assert f'src="{site.BASE_URL}/embed/events/circle/"' in card["html"]
    assert "<circle>" not in card["html"]
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "A &quot;&lt;circle&gt;&quot;" in client.get("/embed/events/circle/").content.decode()


@pytest.mark.parametrize(
    "url", ["", "https://elsewhere.example/events/circle/", f"{site.BASE_URL}/help/", "://", "[x"]
)
def test_an_address_that_is_none_of_ours_is_no_card(client: Client, url: str) -> None:
    OccurrenceFactory(event__slug="circle")
    assert client.get("/oembed", {"url": url}).status_code == 404


def test_cards_are_json_only(client: Client) -> None:
    OccurrenceFactory(event__slug="circle")
    asked = {"url": f"{site.BASE_URL}/events/circle/", "format": "xml"}
    assert client.get("/oembed", asked).status_code == 501


def test_the_sitemap_is_named_to_robots_and_lists_public_pages(client: Client) -> None:
    OccurrenceFactory(event__slug="circle")
    OccurrenceFactory(event__slug="over", starts_at=NOW.replace(year=2025))
    answer = client.get("/sitemap.xml")
    page = answer.content.decode()
    assert answer["Content-Type"] == "application/xml"
    assert f"<loc>{site.BASE_URL}/events/circle/</loc><lastmod>2026-05-27</lastmod>" in page
    assert "/events/over/" not in page
    assert "/help/" in page
    assert f"Sitemap: {site.BASE_URL}/sitemap.xml" in client.get("/robots.txt").content.decode()


# --- Who finds what --------------------------------------------------------------------------

KINDS = ("public", "unlisted", "programme", "ambassadors", "draft")
# Outputs that name several events: which kinds each person finds there.
LISTS = ("/events/", "/events/?q=Wanted", "/", "/events/feed.ics", "/api/v1/events")
LISTS_FOR_ALL = ("/embed/events/", "/sitemap.xml")
# Outputs about one event: which kinds each person may open.
PAGES = ("/events/{}/", "/events/{}/event.ics")
PAGES_FOR_ALL = ("/events/{}/picture.png", "/embed/events/{}/", "/api/v1/events/{}")
# These start from what somebody without an account may see, whoever asks.
SAME_FOR_ALL = ("/", "/events/feed.ics", "/api/v1/events", *LISTS_FOR_ALL)


@pytest.fixture
def programme_events() -> dict[str, Occurrence]:
    """One event of each kind of visibility, all of one programme, and a draft."""
    programme = ProgrammeFactory(slug="open-door")
    dates = {
        kind: OccurrenceFactory(
            event__slug=f"wanted-{kind}",
            event__title=f"Wanted {kind}",
            event__visibility=kind,
            event__programme=programme,
        )
        for kind in KINDS[:4]
    }
    draft = EventFactory(
        slug="wanted-draft", title="Wanted draft", status="draft", published_at=None
    )
    dates["draft"] = OccurrenceFactory(event=draft)
    for date in dates.values():
        save_with_entry(date)
    return dates


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend="accounts.adapters.SignInBackend")
    return client


@pytest.fixture
def person(programme_events: dict[str, Occurrence], coordinator: User) -> Callable[[str], Client]:
    programme = programme_events["public"].event.programme

    def find(name: str) -> Client:
        if name == "nobody":
            return client_of(None)
        if name == "coordinator":
            return client_of(coordinator)
        if name == "ambassador here":
            return client_of(EnrolmentFactory(term__programme=programme).user)
        if name == "ambassador elsewhere":
            return client_of(EnrolmentFactory().user)
        return client_of(UserFactory())

    return find


@pytest.mark.parametrize(
    ("name", "listed", "opened"),
    [
        ("nobody", {"public"}, {"public", "unlisted"}),
        ("outsider", {"public"}, {"public", "unlisted"}),
        (
            "ambassador elsewhere",
            {"public", "ambassadors"},
            {"public", "unlisted", "ambassadors"},
        ),
        (
            "ambassador here",
            {"public", "ambassadors", "programme"},
            {"public", "unlisted", "ambassadors", "programme"},
        ),
        (
            "coordinator",
            {"public", "ambassadors", "programme"},
            {"public", "unlisted", "ambassadors", "programme"},
        ),
    ],
)
def test_every_output_shows_each_person_what_they_may_see(
    person: Callable[[str], Client], name: str, listed: set[str], opened: set[str]
) -> None:
    client = person(name)
    for path in (*LISTS, *LISTS_FOR_ALL):
        answer = client.get(path)
        assert answer.status_code == 200, path
        text = answer.content.decode().lower()
        found = {kind for kind in KINDS if re.search(f"wanted[ -]{kind}", text)}
        assert found == ({"public"} if path in SAME_FOR_ALL else listed), path
    for path in (*PAGES, *PAGES_FOR_ALL):
        expected = {"public", "unlisted"} if path in PAGES_FOR_ALL else opened
        answers = {kind: client.get(path.format(f"wanted-{kind}")).status_code for kind in KINDS}
        assert answers == {kind: 200 if kind in expected else 404 for kind in KINDS}, path
    for kind in KINDS:
        url = f"{site.BASE_URL}/events/wanted-{kind}/"
        expected = 200 if kind in ("public", "unlisted") else 404
        assert client.get("/oembed", {"url": url}).status_code == expected, kind
