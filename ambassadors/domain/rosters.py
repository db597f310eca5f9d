"""Roster files as spreadsheets save them: any encoding, any separator, any column names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from ambassadors.domain.names import name_key

FIELDS = ("email", "name", "language", "market")
# 50,000 people are about 3 MB.
LARGEST_BYTES = 20 * 1024 * 1024
_SEPARATORS = ",;\t|"
_HEADERS = {
    "email": (
        "email",
        "e-mail",
        "mail",
        "email address",
        "e-mail address",
        "correo",
        "correo electrónico",
        "correo electronico",
        "dirección de correo",
    ),
    "name": (
        "stage name",
        "artist name",
        "artist",
        "name",
        "full name",
        "nombre artístico",
        "nombre artistico",
        "artista",
        "nombre",
    ),
    "language": ("language", "lang", "preferred language", "idioma", "lengua"),
    "market": ("market", "country", "territory", "mercado", "país", "pais", "territorio"),
}


class Unreadable(Exception):
    """The file is no roster. ``kind`` says why; the words are for whoever shows it."""

    def __init__(self, kind: str, row: int = 0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.row = row


@dataclass(frozen=True)
class Layout:
    """How a file is to be read."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    rows: int


def look_at(content: bytes) -> Layout:
    """How ``content`` is written, its header and how many rows follow. Reads it once."""
    if not content.strip(b"\x00\xff\xfe\xef\xbb\xbf \t\r\n"):
        raise Unreadable("empty")
    if len(content) > LARGEST_BYTES:
        raise Unreadable("large")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Unreadable("workbook")
    encoding = _encoding(content)
    try:
        delimiter = _delimiter(content, encoding)
        rows = _rows(content, encoding, delimiter)
        _, header = next(rows, (0, []))
        count = sum(1 for _ in rows)
    except UnicodeError as error:
        raise Unreadable("encoding") from error
    if not any(header) or any("@" in cell for cell in header):
        raise Unreadable("header")
    if not count:
        raise Unreadable("nobody")
    return Layout(encoding, delimiter, tuple(cell[:200] for cell in header), count)


def read(content: bytes, *, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row below the header that holds anything, with its number in the spreadsheet.

    Streams: memory does not grow with the file.
    """
    rows = _rows(content, encoding, delimiter)
    next(rows, None)
    return rows


def guess_columns(header: tuple[str, ...] | list[str]) -> dict[str, int]:
    """Which column is probably what, by its name in English or Spanish."""
    keys = [name_key(cell).rstrip(":*") for cell in header]
    guessed: dict[str, int] = {}
    for field, names in _HEADERS.items():
        for name in names:
            if name in keys and keys.index(name) not in guessed.values():
                guessed[field] = keys.index(name)
                break
    return guessed


def _encoding(content: bytes) -> str:
    if content.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = content[:2000]
    # UTF-16 without its mark: text that is mostly Latin has its zeros on one side.
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if zeros.count(0) > len(zeros) / 2:
            return encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"  # what Excel on Windows calls CSV in the West
    return "utf-8"


def _text(content: bytes, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")


def _delimiter(content: bytes, encoding: str) -> str:
    with _text(content, encoding) as text:
        line = ""
        while not line.strip():
            line = text.readline(10_000)
            if not line:
                raise Unreadable("empty")
    if line.lower().startswith("sep=") and len(line.rstrip("\r\n")) == 5:
        return line[4]
    outside = "".join(line.split('"')[::2])
    return max(_SEPARATORS, key=outside.count)


def _rows(content: bytes, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    with _text(content, encoding) as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        number = 0
        try:
            for cells in reader:
                number += 1
                if number == 1 and [c.lower() for c in cells[:1]] == ["sep="]:
                    continue
                tidy = [_cell(cell) for cell in cells]
                if any(tidy):
                    yield number, tidy
        except csv.Error as error:
            raise Unreadable("quotes", number + 1) from error


def _cell(cell: str) -> str:
    """A value without its spaces and without Excel's ``="…"`` around text it must not touch."""
    cell = cell.strip().strip("\u00a0\ufeff")
    if cell.startswith('="') and cell.endswith('"'):
        return cell[2:-1].strip()
    return cell
