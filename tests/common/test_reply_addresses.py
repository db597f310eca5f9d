"""Addresses that say what an answer to them is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.reply_addresses import name_in, reply_address

NAME = "7K3MXQ9TBD"


def test_the_address_says_what_it_is_about() -> None:
    assert name_in(reply_address(NAME)) == NAME


def test_a_server_that_writes_addresses_in_other_letters_does_no_harm() -> None:
    assert name_in(reply_address(NAME).upper()) == NAME
    assert name_in(f" {reply_address(NAME.lower())} ") == NAME


def test_the_mailbox_is_short_enough_for_every_server() -> None:
    local, _at, _domain = reply_address("A" * 24).partition("@")
    assert len(local) <= 64


def test_the_signature_of_another_name_opens_nothing() -> None:
    _other, _dot, rest = reply_address("OTHER00000").partition(".")
    assert name_in(f"reply+{NAME.lower()}.{rest}") is None


def test_the_same_mailbox_elsewhere_opens_nothing() -> None:
    local, _at, _domain = reply_address(NAME).partition("@")
    assert name_in(f"{local}@elsewhere.example") is None


@pytest.mark.parametrize("wrong", ["", "@", "reply+@x", "reply+a.b@c", "hello@greenroom.example"])
def test_what_is_no_address_of_ours_is_about_nothing(wrong: str) -> None:
    assert name_in(wrong) is None


@given(st.text())
def test_whatever_is_sent_is_read_or_refused(address: str) -> None:
    assert name_in(address) is None
