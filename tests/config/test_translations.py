"""The catalogues: each language counts as it does, and keeps what it is given apart."""

from __future__ import annotations

import pytest
from babel import Locale
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation
from django.utils.translation import ngettext, to_locale

from config.local.translations import LOCALE, _placeholder_problems, catalogues, isolated

COUNTS = [*range(130), 200, 1001, 1011, 5000]


def plural_of(language: str, n: int) -> str:
    with translation.override(language):
        return ngettext("%(count)d place left", "%(count)d places left", n)


def test_every_language_of_the_site_has_a_catalogue() -> None:
    there = {path.parent.parent.name for path in catalogues()}
    assert there == {to_locale(code) for code, _name in settings.LANGUAGES} - {"en"}


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_plural_forms_are_those_of_unicodes_cldr(language: str) -> None:
    locale = Locale.parse(language, sep="-")
    form = {}
    for n in COUNTS:
        form.setdefault(locale.plural_form(n), plural_of(language, n))
        assert plural_of(language, n) == form[locale.plural_form(n)], n
    assert len(set(form.values())) == len(form)
    if language != "en":
        with (LOCALE / to_locale(language) / "LC_MESSAGES/django.po").open("rb") as file:
            assert len(form) == read_po(file).num_plurals


def test_what_fills_a_placeholder_is_kept_apart_where_people_read_from_right_to_left() -> None:
    assert isolated("مع %(name)s: %(n)d") == "مع \u2068%(name)s\u2069: %(n)d"
    # Not inside of a tag, where it would be part of an address.
    link = '<a href="%(link)s">%(link)s</a>'
    assert isolated(link) == '<a href="%(link)s">\u2068%(link)s\u2069</a>'
    assert isolated("%(percent)s%%") == "%(percent)s%%"
    said = {}
    for language in ("ar", "fr"):
        with translation.override(language):
            said[language] = translation.gettext("Cancelled: %(title)s") % {"title": "Quiet Hour"}
    assert "\u2068Quiet Hour\u2069" in said["ar"]
    assert "\u2068" not in said["fr"]


@pytest.mark.parametrize(
    ("forms", "is_right"),
    [
        (("eine Person", "%(n)d Personen"), True),
        (("eine Person", "Personen"), False),
        (("%(m)d Person", "%(n)d Personen"), False),
    ],
)
def test_a_lost_placeholder_is_found(forms: tuple[str, str], is_right: bool) -> None:
    from babel.messages.catalog import Message

    message = Message(("%(n)d person", "%(n)d people"), forms)
    assert (list(_placeholder_problems(message)) == []) is is_right
