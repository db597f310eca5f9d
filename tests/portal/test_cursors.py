"""Cursors lead back to where they were made, and nothing else is one."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.cursors import make_cursor, read_cursor


@given(st.datetimes(timezones=st.just(dt.UTC)), st.integers(0, 2**63 - 1))
def test_a_cursor_leads_back(moment: dt.datetime, number: int) -> None:
    assert read_cursor(make_cursor(moment, number)) == (moment, number)


@given(st.text())
def test_anything_else_is_refused_with_one_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a cursor$"):
        read_cursor(text)
