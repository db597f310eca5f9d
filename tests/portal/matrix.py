"""Who may use the routes of portal."""

from calendars.services.links import personal_link
from tests.conftest import NOW
from tests.permissions import EVERYONE, NOBODY, Cast, Route


def enrich(cast: Cast) -> None:
    cast.things["calendar_link"] = personal_link(user=cast["attendee"], at=NOW)


ROUTES: dict[str, Route] = {
    "portal:home": Route(get=EVERYONE),
    "portal:language": Route(post=EVERYONE, data={"language": "en"}),
    "portal:robots": Route(get=EVERYONE),
    # The link is the key: whoever holds it may read the calendar, and nobody can guess it.
    "portal:personal-feed": Route(
        get=EVERYONE,
        some=lambda cast: {"secret": cast.things["calendar_link"].secret},
        absent={"secret": "1-guess"},
    ),
    "portal:styleguide": Route(get=NOBODY),  # answers only where DEBUG is on
}
