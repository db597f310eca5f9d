"""Roster files as spreadsheets save them: any encoding, any separator, any column names."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from ambassadors.domain.names import name_key
from common.text import without_guard

FIELDS = ("email", "name", "language", "market")
# 50,000 people are about 3 MB.
LARGEST_BYTES = 20 * 1024 * 1024
# Characters after which a row that has not ended is no row; what is held at once is a few of these.
LONGEST_ROW = 100_000
PART_ROWS = 2_000
_BLOCK = 64 * 1024
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
        "endereço de e-mail",
        "adresse e-mail",
        "courriel",
        "e-mail-adresse",
        "البريد الإلكتروني",
        "عنوان البريد الإلكتروني",
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
        "nome artístico",
        "nome artistico",
        "nome",
        "nom de scène",
        "nom d’artiste",
        "nom d'artiste",
        "nom",
        "künstlername",
        "الاسم الفني",
        "الاسم",
    ),
    "language": (
        "language",
        "lang",
        "preferred language",
        "idioma",
        "lengua",
        "língua",
        "langue",
        "sprache",
        "اللغة",
    ),
    "market": (
        "market",
        "country",
        "territory",
        "mercado",
        "país",
        "pais",
        "territorio",
        "território",
        "marché",
        "pays",
        "territoire",
        "markt",
        "land",
        "البلد",
        "الدولة",
    ),
}


class Unreadable(Exception):
    """The file is no roster. ``kind`` says why; the words are for whoever shows it."""

    def __init__(self, kind: str, row: int = 0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.row = row


@dataclass(frozen=True)
class Layout:
    """How a file is to be read, and its SHA-256."""

    digest: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]


Row = tuple[int, list[str]]


def look_at(file: IO[bytes]) -> Layout:
    """How ``file`` is written, and its header. Reads it once, a block at a time."""
    digest, encoding = _survey(file)
    delimiter = _delimiter(file, encoding)
    _number, header = next(_rows(file, encoding, delimiter), (0, []))
    if not any(header) or any("@" in cell for cell in header):
        raise Unreadable("header")
    return Layout(digest, encoding, delimiter, tuple(cell[:200] for cell in header))


def read(file: IO[bytes], layout: Layout) -> Iterator[list[Row]]:
    """Each row below the header that holds anything, with its number in the spreadsheet.

    They come in parts of a bounded size, so that memory does not grow with the file.
    """
    rows = _rows(file, layout.encoding, layout.delimiter)
    next(rows, None)
    part: list[Row] = []
    size = 0
    for row in rows:
        part.append(row)
        size += sum(map(len, row[1]))
        if len(part) == PART_ROWS or size > LONGEST_ROW:
            yield part
            part, size = [], 0
    if part:
        yield part


def guess_columns(header: tuple[str, ...] | list[str]) -> dict[str, int]:
    """Which column is probably what, by its name in any language of the site."""
    keys = [name_key(cell).rstrip(":*") for cell in header]
    guessed: dict[str, int] = {}
    for field, names in _HEADERS.items():
        for name in names:
            if name in keys and keys.index(name) not in guessed.values():
                guessed[field] = keys.index(name)
                break
    return guessed


def _survey(file: IO[bytes]) -> tuple[str, str]:
    """The digest of a file and its encoding, for which all of it has to be seen."""
    file.seek(0)
    digest, size, is_empty = hashlib.sha256(), 0, True
    head, is_utf8, decoder = b"", True, codecs.getincrementaldecoder("utf-8")()
    while block := file.read(_BLOCK):
        size += len(block)
        if size > LARGEST_BYTES:
            raise Unreadable("large")
        digest.update(block)
        head = head if len(head) >= 2000 else head + block
        is_empty = is_empty and not block.strip(b"\x00\xff\xfe\xef\xbb\xbf \t\r\n")
        is_utf8 = is_utf8 and _decodes(decoder, block)
    if is_empty:
        raise Unreadable("empty")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Unreadable("workbook")
    return digest.hexdigest(), _encoding(head, is_utf8 and _decodes(decoder, b"", final=True))


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _encoding(head: bytes, is_utf8: bool) -> str:
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # UTF-16 without its mark: text that is mostly Latin has its zeros on one side.
    for encoding, zeros in (("utf-16-le", head[1:2000:2]), ("utf-16-be", head[0:2000:2])):
        if zeros.count(0) > len(zeros) / 2:
            return encoding
    # cp1252 is what Excel on Windows calls CSV in the West.
    return "utf-8" if is_utf8 else "cp1252"


@contextmanager
def _text(file: IO[bytes], encoding: str) -> Iterator[io.TextIOWrapper]:
    """``file`` as text, from its beginning; it stays open for whoever brought it."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        yield text
    except UnicodeError as error:
        raise Unreadable("encoding") from error
    finally:
        text.detach()


def _delimiter(file: IO[bytes], encoding: str) -> str:
    with _text(file, encoding) as text:
        line = ""
        while not line.strip():
            line = text.readline(10_000)
            if not line:
                raise Unreadable("empty")
    if line.lower().startswith("sep=") and len(line.rstrip("\r\n")) == 5:
        return line[4]
    outside = "".join(line.split('"')[::2])
    return max(_SEPARATORS, key=outside.count)


def _rows(file: IO[bytes], encoding: str, delimiter: str) -> Iterator[Row]:
    number = held = 0

    def lines() -> Iterator[str]:
        nonlocal held
        while line := text.readline(LONGEST_ROW + 1):
            held += len(line)
            if held > LONGEST_ROW:
                raise Unreadable("long", number + 1)
            yield line

    with _text(file, encoding) as text:
        try:
            for cells in csv.reader(lines(), delimiter=delimiter, strict=True):
                number, held = number + 1, 0
                if number == 1 and [c.lower() for c in cells[:1]] == ["sep="]:
                    continue
                tidy = [_cell(cell) for cell in cells]
                if any(tidy):
                    yield number, tidy
        except csv.Error as error:
            raise Unreadable("quotes", number + 1) from error


def _cell(cell: str) -> str:
    """A value without its spaces, without Excel's ``="…"`` around text it must not touch, and
    without what guards our own files of rows to be corrected."""
    cell = cell.strip().strip("\u00a0\ufeff")
    if cell.startswith('="') and cell.endswith('"'):
        return cell[2:-1].strip()
    return without_guard(cell)
