"""What a subscriber's program meets, on a feed as small as a feed can be."""

import datetime as dt
import gzip
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import icalendar
import pytest
import time_machine
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client
from django.urls import path

from calendars import gateway
from calendars.domain.calendar import StoredEvent
from calendars.domain.vevent import render_vevent
from calendars.feeds import StoredFeed
from calendars.queries import revisions
from calendars.services.revisions import bump
from tests.calendars.test_vevent import CIRCLE
from tests.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

ON_THE_BOARD: list[StoredEvent] = []


class Board(StoredFeed):
    title = "Notice board"
    timezone = "Europe/London"
    file_name = "board.ics"

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> str:
        return request.GET.get("q", "")

    def variant(self, obj: str) -> str:
        return obj

    def feed_keys(self, obj: str) -> Sequence[str]:
        return ["board"]

    def items(self, obj: str, *, at: dt.datetime) -> Iterable[StoredEvent]:
        return [entry for entry in ON_THE_BOARD if obj in entry.text]


class OwnBoard(Board):
    is_personal = True


class Download(Board):
    disposition = "attachment"


urlpatterns = [
    path("board.ics", Board()),
    path("own.ics", OwnBoard()),
    path("download.ics", Download()),
]


@pytest.fixture(autouse=True)
def one_entry() -> Iterable[None]:
    entry = StoredEvent(render_vevent(CIRCLE), CIRCLE.time_zone)
    ON_THE_BOARD[:] = [entry]
    with time_machine.travel(NOW, tick=False):
        bump("board", NOW - dt.timedelta(hours=1))
        yield


def test_a_feed_is_shown_in_place_whatever_the_client_accepts(client: Client) -> None:
    for accept in ("*/*", "text/html", "application/json", ""):
        response = client.get("/board.ics", headers={"accept": accept})
        assert response.status_code == 200
        assert response["Content-Type"] == "text/calendar; charset=utf-8"
        assert response["Content-Disposition"] == 'inline; filename="board.ics"'
        assert response.content.startswith(b"BEGIN:VCALENDAR\r\n")


def test_googles_fetcher_gets_the_same_bytes(client: Client) -> None:
    google = client.get("/board.ics", headers={"user-agent": "Google-Calendar-Importer"})
    assert google.content == client.get("/board.ics").content


def test_a_download_is_an_attachment(client: Client) -> None:
    response = client.get("/download.ics")
    assert response["Content-Disposition"] == 'attachment; filename="board.ics"'


def test_a_feed_sets_no_cookie_and_needs_no_session(client: Client) -> None:
    response = client.get("/board.ics")
    assert response.cookies == {}
    assert "Cookie" not in response["Vary"]


def test_two_fetches_a_minute_apart_are_byte_identical(client: Client) -> None:
    first = client.get("/board.ics")
    cache.clear()
    with time_machine.travel(NOW + dt.timedelta(minutes=1)):
        second = client.get("/board.ics")
    assert first.content == second.content
    assert first["ETag"] == second["ETag"]


def test_nothing_new_is_answered_without_rendering_in_one_query(
    client: Client, django_assert_num_queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = client.get("/own.ics")["ETag"]
    monkeypatch.setattr(OwnBoard, "items", None)  # asking for entries would fail
    with django_assert_num_queries(1):
        response = client.get("/own.ics", headers={"if-none-match": etag})
    assert response.status_code == 304
    assert response.content == b""
    assert response["ETag"] == etag
    assert response["Last-Modified"] == "Wed, 03 Jun 2026 11:00:00 GMT"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["Referrer-Policy"] == "no-referrer"


def test_a_weak_or_listed_validator_is_recognised(client: Client) -> None:
    etag = client.get("/board.ics")["ETag"]
    for sent in (f"W/{etag}", f'"other", {etag}', "*"):
        assert client.get("/board.ics", headers={"if-none-match": sent}).status_code == 304


def test_the_tag_is_strong(client: Client) -> None:
    assert client.get("/board.ics")["ETag"].startswith('"')


def test_a_change_is_new_to_everybody(client: Client) -> None:
    before = client.get("/board.ics")
    bump("board", NOW)
    after = client.get(
        "/board.ics",
        headers={"if-none-match": before["ETag"], "if-modified-since": before["Last-Modified"]},
    )
    assert after.status_code == 200
    assert after["ETag"] != before["ETag"]


def test_a_deleted_entry_leaves_and_the_date_does_not_go_back(client: Client) -> None:
    before = client.get("/board.ics")
    ON_THE_BOARD.clear()
    bump("board", NOW - dt.timedelta(minutes=1))
    with time_machine.travel(NOW + dt.timedelta(minutes=1)):
        by_tag = client.get("/board.ics", headers={"if-none-match": before["ETag"]})
        by_date = client.get("/board.ics", headers={"if-modified-since": before["Last-Modified"]})
    assert (by_tag.status_code, by_date.status_code) == (200, 200)
    assert icalendar.Calendar.from_ical(by_tag.content).walk("VEVENT") == []
    assert before["Last-Modified"] == "Wed, 03 Jun 2026 11:00:00 GMT"
    assert by_tag["Last-Modified"] == "Wed, 03 Jun 2026 11:59:00 GMT"


def test_the_windows_roll_is_new_to_everybody(client: Client) -> None:
    before = client.get("/board.ics")
    with time_machine.travel(dt.datetime(2026, 6, 8, 0, 0, 5, tzinfo=dt.UTC)):
        after = client.get("/board.ics", headers={"if-none-match": before["ETag"]})
    assert after.status_code == 200
    assert after["Last-Modified"] == "Mon, 08 Jun 2026 00:00:00 GMT"


def test_if_none_match_wins_over_if_modified_since(client: Client) -> None:
    tomorrow = "Thu, 04 Jun 2026 12:00:00 GMT"
    other = client.get(
        "/board.ics", headers={"if-none-match": '"other"', "if-modified-since": tomorrow}
    )
    etag = client.get("/board.ics")["ETag"]
    long_ago = "Wed, 01 Jan 2020 00:00:00 GMT"
    same = client.get("/board.ics", headers={"if-none-match": etag, "if-modified-since": long_ago})
    assert (other.status_code, same.status_code) == (200, 304)


def test_if_modified_since_alone_works_and_nonsense_is_ignored(client: Client) -> None:
    def status(date: str) -> int:
        return client.get("/board.ics", headers={"if-modified-since": date}).status_code

    assert status("Wed, 03 Jun 2026 11:00:00 GMT") == 304
    assert status("Wed, 03 Jun 2026 10:59:59 GMT") == 200
    assert status("yesterday, I think") == 200


def test_a_second_change_in_the_same_second_is_not_missed(client: Client) -> None:
    bump("board", NOW)
    first = client.get("/board.ics")
    assert first["Last-Modified"] == "Wed, 03 Jun 2026 11:59:59 GMT"
    with time_machine.travel(NOW + dt.timedelta(seconds=2)):
        again = client.get("/board.ics", headers={"if-modified-since": first["Last-Modified"]})
    assert again.status_code == 200


def test_a_filter_has_a_tag_of_its_own(client: Client) -> None:
    whole, part = client.get("/board.ics"), client.get("/board.ics?q=nothing-like-it")
    assert whole["ETag"] != part["ETag"]
    assert b"BEGIN:VEVENT" not in part.content
    assert client.get("/board.ics").content == whole.content


def test_head_is_get_without_the_body(client: Client) -> None:
    get, head = client.get("/board.ics"), client.head("/board.ics")
    assert head.content == b""
    assert head.status_code == 200
    for name in ("ETag", "Last-Modified", "Content-Type", "Cache-Control"):
        assert head[name] == get[name]
    assert head["Content-Length"] == str(len(get.content))


def test_gzip_is_sent_to_those_who_read_it_and_has_its_own_tag(client: Client) -> None:
    plain = client.get("/board.ics")
    zipped = client.get("/board.ics", headers={"accept-encoding": "br, gzip;q=0.8"})
    assert zipped["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.content) == plain.content
    assert zipped["ETag"] != plain["ETag"]
    assert "Accept-Encoding" in zipped["Vary"]
    same = client.get(
        "/board.ics",
        headers={"accept-encoding": "gzip", "if-none-match": zipped["ETag"]},
    )
    assert same.status_code == 304


@pytest.mark.parametrize("accepts", ["", "identity", "gzip;q=0", "br"])
def test_gzip_is_not_sent_to_others(client: Client, accepts: str) -> None:
    response = client.get("/board.ics", headers={"accept-encoding": accepts})
    assert "Content-Encoding" not in response


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_a_feed_can_only_be_read(client: Client, method: str) -> None:
    response = getattr(client, method)("/board.ics")
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


def test_a_public_feed_is_kept_whole_and_a_personal_one_never(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = client.get("/board.ics").content
    client.get("/own.ics")
    monkeypatch.setattr(Board, "items", None)  # asking for entries would fail
    assert client.get("/board.ics").content == whole
    with pytest.raises(TypeError):
        client.get("/own.ics")


def test_what_many_ask_for_costs_no_query_until_it_changes(
    client: Client, django_assert_num_queries: Any
) -> None:
    cache.clear()  # as it is some seconds after a change
    etag = client.get("/board.ics")["ETag"]
    with django_assert_num_queries(0):
        assert client.get("/board.ics").status_code == 200
        same = client.get("/board.ics", headers={"if-none-match": etag})
    assert same.status_code == 304
    bump("board", NOW)
    assert client.get("/board.ics", headers={"if-none-match": etag}).status_code == 200


def test_who_looked_before_a_change_cannot_keep_what_they_saw(client: Client) -> None:
    before = revisions(["board"])
    etag = client.get("/board.ics")["ETag"]
    bump("board", NOW)
    gateway.keep_revisions("board", before)
    assert client.get("/board.ics")["ETag"] != etag


def test_a_feed_survives_without_the_cache(client: Client, settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert client.get("/board.ics").status_code == 200


def test_entries_of_several_zones_read_equally_from_the_feed(client: Client) -> None:
    zones = ["America/New_York", "Europe/London", "Australia/Sydney", "Asia/Kolkata"]
    ON_THE_BOARD[:] = [
        StoredEvent(render_vevent(replace(CIRCLE, uid=zone, time_zone=zone)), zone)
        for zone in zones
    ]
    bump("board", NOW)
    entries = icalendar.Calendar.from_ical(client.get("/board.ics").content).walk("VEVENT")
    assert [entry["UID"] for entry in entries] == zones
    assert {entry["DTSTART"].dt.astimezone(dt.UTC) for entry in entries} == {CIRCLE.starts_at}
