"""The reader of roster files by itself: hostile borders, and memory that does not grow."""

from __future__ import annotations

import csv
import io
import tracemalloc
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassadors.domain import rosters as files

# Neither begins nor ends with what is trimmed, and has everything else inside.
LATIN = st.text(alphabet="aÑé\"',;|\t\r\n =@", max_size=8).map(lambda text: f"x{text}x")
ANY = st.text(alphabet="aÑ小🎤\u0301\"',;|\t\r\n =@", max_size=8).map(lambda text: f"x{text}x")
ENCODINGS = {
    "utf-8": ANY,
    "utf-8-sig": ANY,
    "utf-16": ANY,
    "utf-16-le": LATIN,
    "utf-16-be": LATIN,
    "cp1252": LATIN,
}


class Drips(io.BytesIO):
    """A file that gives a few bytes at a time, so that every border falls everywhere."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.most if size is None or size < 0 else min(size, self.most))

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(size)


@given(data=st.data())
def test_rows_are_the_same_wherever_blocks_and_parts_end(data: st.DataObject) -> None:
    encoding = data.draw(st.sampled_from(sorted(ENCODINGS)))
    cell = st.one_of(st.just(""), ENCODINGS[encoding])
    rows = data.draw(st.lists(st.lists(cell, min_size=1, max_size=4), min_size=1, max_size=9))
    delimiter = data.draw(st.sampled_from(",;\t|"))
    # Python quotes an end of line in a cell only where it is one of the file's own.
    ending, quoting = data.draw(
        st.sampled_from(
            [("\r\n", csv.QUOTE_MINIMAL), *((end, csv.QUOTE_ALL) for end in ("\n", "\r"))]
        )
    )
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerows([["email", "Ñame", "language"], *rows])
    file = Drips(text.getvalue().encode(encoding), data.draw(st.integers(1, 7)))

    with mock.patch.object(files, "PART_ROWS", data.draw(st.integers(1, 4))):
        layout = files.look_at(file)
        parts = list(files.read(file, layout))
        most = files.PART_ROWS

    assert layout.header == ("email", "Ñame", "language")
    assert [row for part in parts for row in part] == [
        (number, cells) for number, cells in enumerate(rows, start=2) if any(cells)
    ]
    assert all(len(part) == most for part in parts[:-1])
    assert not file.closed


def peak_of(rows: int) -> int:
    """The most that reading a file of so many rows holds at a time, in bytes."""
    row = b"somebody@example.org,Stage Name,en,GB\n"
    file = io.BytesIO(b"email,stage name,language,country\n" + row * rows)
    tracemalloc.start()
    layout = files.look_at(file)
    assert sum(map(len, files.read(file, layout))) == rows
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_ten_times_the_rows_take_no_more_memory() -> None:
    assert peak_of(40_000) < 1.5 * peak_of(4_000)


def test_a_row_without_an_end_is_not_waited_for() -> None:
    """Nor is it held: no more is read of it than a row may have."""
    file = io.BytesIO(b"email\n" + b"x" * 10_000_000)
    layout = files.look_at(file)
    tracemalloc.start()
    with pytest.raises(files.Unreadable) as refused:
        list(files.read(file, layout))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (refused.value.kind, refused.value.row) == ("long", 2)
    assert peak < 10 * files.LONGEST_ROW
