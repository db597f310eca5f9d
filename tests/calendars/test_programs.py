"""The buttons that add a feed to a calendar program."""

from urllib.parse import parse_qs, urlsplit

import pytest

from calendars.domain.programs import program_of, subscribe_links

URL = "https://greenroom.example/events/feed.ics?language=es&q=a b"


def test_all_ways_lead_to_the_same_feed() -> None:
    ways = subscribe_links(URL, name="Greenroom & friends")
    same_but_scheme = URL.replace("https://", "webcal://")
    assert ways.https == URL
    assert ways.webcal == same_but_scheme
    assert parse_qs(urlsplit(ways.google).query) == {"cid": [same_but_scheme]}
    for way in (ways.outlook, ways.office):
        query = parse_qs(urlsplit(way).query)
        assert query == {"url": [URL], "name": ["Greenroom & friends"]}


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Google-Calendar-Importer", "Google Calendar"),
        ("macOS/15.1 (24B83) dataaccessd/1.0", "Apple Calendar"),
        ("iOS/18.1 (22B83) dataaccessd/1.0", "Apple Calendar"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Thunderbird/140.0", "Thunderbird"),
        ("Microsoft.Exchange/15.20", "Outlook"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_a_program_is_called_what_people_call_it(user_agent: str, name: str) -> None:
    assert program_of(user_agent) == name
