from base64 import b64encode

import pytest
from pytest_django import Settings

from common.sealing import (
    CannotOpen,
    new_key,
    reseal,
    seal,
    seal_under,
    unseal,
    unseal_under,
    unwrap,
)

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


def test_a_key_of_its_own_opens_for_its_row_alone_and_is_the_only_one(settings: Settings) -> None:
    settings.FIELD_KEYS = [OLD]
    _key, wrapped = new_key("row 1")
    sealed = seal_under(unwrap(wrapped, "row 1"), "Zoë", "name")
    settings.FIELD_KEYS = [NEW, OLD]
    again = reseal(wrapped, "row 1")
    settings.FIELD_KEYS = [NEW]
    assert unseal_under(unwrap(again, "row 1"), sealed, "name") == "Zoë"
    for wrong in (
        lambda: unwrap(wrapped, "row 1"),  # its FIELD_KEY is gone
        lambda: unwrap(again, "row 2"),
        lambda: unseal(sealed, "name"),
        lambda: unseal_under(unwrap(again, "row 1"), sealed, "contact"),
        lambda: unseal_under(new_key("x")[0], sealed, "name"),
    ):
        with pytest.raises(CannotOpen):
            wrong()
