"""Finding the page of an address: as Django finds it, in fewer steps."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, path
from django.urls.resolvers import RoutePattern

from common.addresses import ByFirstPart

APPS = [each for each in get_resolver().url_patterns if isinstance(each, ByFirstPart)]
# What a converter of Django's takes for something, whatever it is.
EXAMPLES = {
    "<slug:": "a-day",
    "<str:": "AB12",
    "<int:": "7",
    "<uuid:": "5a4f5a0e-3f3c-4f5e-9f6e-0d3c8f3b2a10",
    "<path:": "a/b",
}


def example_of(route: str) -> str:
    before, opening, rest = route.partition("<")
    if not opening:
        return route
    kind, _, after = rest.partition(">")
    value = next((word for key, word in EXAMPLES.items() if f"<{kind}".startswith(key)), "x1")
    return before + value + example_of(after)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.app_name)
def test_every_address_leads_where_django_would_lead_it(app: ByFirstPart) -> None:
    """Both say the same of every example, also where neither finds anything."""
    plain = URLResolver(app.pattern, app.url_patterns, None, app.app_name, app.namespace)
    examples = [example_of(str(each.pattern)) for each in app.url_patterns]
    found = 0
    for address in [*examples, "nothing-here/", "staff/nothing-here/", "events", ""]:
        answers = []
        for resolver in (app, plain):
            try:
                match = resolver.resolve(address)
            except Resolver404:
                answers.append(None)
            else:
                answers.append((match.func, match.view_name, match.kwargs, match.route))
        assert answers[0] == answers[1], address
        found += answers[0] is not None
    assert found >= len(set(examples)) * 0.9


def test_a_page_of_a_practice_is_found_among_those_of_practices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []
    original = URLPattern.resolve
    monkeypatch.setattr(
        URLPattern,
        "resolve",
        lambda self, address: tried.append(str(self.pattern)) or original(self, address),
    )
    get_resolver().resolve("/practice/bookings/AB12/")
    assert {route for route in tried if not route.startswith("practice/")} == {
        "healthz",
        "readyz",
        "metrics",
    }


def test_an_address_that_could_be_anything_is_refused() -> None:
    anything = ByFirstPart(
        RoutePattern("", is_endpoint=False), [path("<slug:slug>/", lambda request: None)]
    )
    with pytest.raises(ImproperlyConfigured, match="fixed part"):
        anything.resolve("x/")
