from base64 import b64encode

import pytest
from pytest_django import Settings

from common.sealing import CannotOpen, seal, unseal

OLD = b64encode(b"o" * 32).decode()
NEW = b64encode(b"n" * 32).decode()


def test_what_was_sealed_opens_again() -> None:
    assert unseal(seal("Zoë", "name"), "name") == "Zoë"


def test_the_same_text_never_looks_the_same_twice() -> None:
    assert seal("Zoë", "name") != seal("Zoë", "name")
    assert "Zoë" not in seal("Zoë", "name")


def test_it_does_not_open_for_another_purpose() -> None:
    with pytest.raises(CannotOpen):
        unseal(seal("Zoë", "name"), "contact")


def test_an_old_key_still_opens_and_the_newest_seals(settings: Settings) -> None:
    settings.FIELD_KEYS = [OLD]
    sealed = seal("Zoë", "name")
    settings.FIELD_KEYS = [NEW, OLD]
    assert unseal(sealed, "name") == "Zoë"
    again = seal("Zoë", "name")
    settings.FIELD_KEYS = [OLD]
    with pytest.raises(CannotOpen):
        unseal(again, "name")


def test_a_changed_text_does_not_open() -> None:
    sealed = seal("Zoë", "name")
    changed = sealed[:-3] + ("A" if sealed[-3] != "A" else "B") + sealed[-2:]
    with pytest.raises(CannotOpen):
        unseal(changed, "name")
