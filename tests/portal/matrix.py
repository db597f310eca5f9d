"""Who may use the routes of portal."""

from tests.permissions import EVERYONE, NOBODY, Route

ROUTES: dict[str, Route] = {
    "portal:home": Route(get=EVERYONE),
    "portal:language": Route(post=EVERYONE, data={"language": "en"}),
    "portal:robots": Route(get=EVERYONE),
    "portal:styleguide": Route(get=NOBODY),  # answers only where DEBUG is on
}
