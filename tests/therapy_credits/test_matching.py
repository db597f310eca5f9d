import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from therapy_credits.domain.matching import Authority, Candidate, Need, find_matches, may_practise
from therapy_credits.domain.places import length_name

NEW_YORK = ZoneInfo("America/New_York")
THURSDAY = dt.datetime(2026, 6, 4, 18, 0, tzinfo=dt.UTC)
NEED = Need("US", "NY", "en", "online", frozenset({"touring", "sleep"}))
STATE = Authority("US", "NY", dt.date(2027, 1, 1))
FITS = Candidate(
    key=1,
    languages=frozenset({"en", "es"}),
    formats=frozenset({"online"}),
    topics=frozenset({"touring"}),
    authorities=(STATE,),
    slots=(THURSDAY,),
)


def keys(need: Need, *candidates: Candidate) -> list[int]:
    return [match.key for match in find_matches(need, candidates, zone=NEW_YORK)]


def test_who_fits_is_found_with_the_reasons() -> None:
    (match,) = find_matches(NEED, [FITS], zone=NEW_YORK)
    assert (match.key, match.topics, match.authority) == (1, ("touring",), STATE)
    assert match.slots == (THURSDAY,)


@pytest.mark.parametrize(
    "need",
    [
        replace(NEED, country="GB", region=""),
        replace(NEED, region="CA"),
        replace(NEED, language="fr"),
        replace(NEED, format="in_person"),
    ],
)
def test_nothing_makes_up_for_a_hard_filter(need: Need) -> None:
    assert keys(need, FITS) == []


def test_a_licence_of_the_whole_country_covers_every_region_of_it() -> None:
    national = Authority("GB", "", dt.date(2027, 1, 1))
    assert may_practise([national], "GB", "", dt.date(2026, 6, 4)) == national
    assert may_practise([national], "GB", "SCT", dt.date(2026, 6, 4)) == national
    assert may_practise([national], "IE", "", dt.date(2026, 6, 4)) is None


def test_a_licence_of_a_state_covers_no_other_and_not_the_country() -> None:
    assert may_practise([STATE], "US", "", dt.date(2026, 6, 4)) is None
    assert may_practise([STATE], "US", "NJ", dt.date(2026, 6, 4)) is None


def test_a_licence_counts_on_its_last_day_and_not_after() -> None:
    last_day = THURSDAY.date()
    lapsing = replace(
        FITS,
        authorities=(replace(STATE, expires_on=last_day),),
        slots=(THURSDAY, THURSDAY + dt.timedelta(days=1)),
    )
    (match,) = find_matches(NEED, [lapsing], zone=NEW_YORK)
    assert match.slots == (THURSDAY,)


def test_the_day_of_the_session_is_the_persons_day() -> None:
    # 02:00 UTC on the 5th is still the evening of the 4th in New York.
    late = dt.datetime(2026, 6, 5, 2, 0, tzinfo=dt.UTC)
    lapsing = replace(
        FITS, authorities=(replace(STATE, expires_on=dt.date(2026, 6, 4)),), slots=(late,)
    )
    assert keys(NEED, lapsing) == [1]


def test_without_a_free_time_nobody_is_offered() -> None:
    assert keys(NEED, replace(FITS, slots=())) == []


def test_shared_topics_come_first_then_waking_hours_then_the_soonest() -> None:
    both = replace(
        FITS, key=2, topics=frozenset({"touring", "sleep"}), slots=(THURSDAY + dt.timedelta(9),)
    )
    at_night = replace(FITS, key=3, slots=(dt.datetime(2026, 6, 4, 7, 0, tzinfo=dt.UTC),))
    later = replace(FITS, key=4, slots=(THURSDAY + dt.timedelta(hours=1),))
    assert keys(NEED, at_night, later, FITS, both) == [2, 1, 4, 3]


def test_a_name_that_is_only_a_length_is_said_in_the_readers_language() -> None:
    for name, language, shown in [
        ("50 minutes", "de", "50 Minuten"),
        ("50 min", "es", "50 minutos"),
        ("50 minutes", "en", "50 minutes"),
        ("First 50 minutes", "de", "First 50 minutes"),
    ]:
        assert length_name(name, 50, language) == shown
