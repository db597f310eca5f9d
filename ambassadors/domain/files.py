"""What a file is, by its bytes, and what of it is safe to keep.

Its name and what the browser says about it prove nothing. A picture is drawn anew, so that
only its pixels stay: no place where it was taken, no name of its author, nothing hidden behind
or between. A PDF is kept as it is, unless it runs something, carries other files, or cannot be
looked into.
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_BYTES = 5 * 1024 * 1024
# A small file can unfold into a huge one. 30 megapixels are more than a page of print needs.
MOST_PIXELS = 30_000_000
_MOST_UNFOLDED = 16 * 1024 * 1024
KINDS = {"pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg"}
_PILLOW = {"png": "PNG", "jpg": "JPEG"}
_STARTS = {"pdf": b"%PDF-", "png": b"\x89PNG\r\n\x1a\n", "jpg": b"\xff\xd8\xff"}
# How far from its end a PDF may say that it ends, and an archive that it is one (ZIP, 4.3.16).
_PDF_TAIL, _ZIP_TAIL = 1024, 66_000
# What a PDF names when it runs something, sends something, or holds other files (ISO 32000-1,
# 7.11.4, 12.6.4, 12.7, 13.6).
_ACTIVE = re.compile(
    rb"/(JavaScript|Launch|EmbeddedFiles?|RichMedia|XFA|SubmitForm|ImportData)(?![A-Za-z0-9])"
)
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
# The dictionary of a stream stands before it, after the word that begins its object.
_DICTIONARY_BYTES = 4096
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")


class Refused(Exception):
    """``why``: "kind" (neither PDF, PNG nor JPEG, or cut off), "pixels", "locked" or "active"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class SafeFile:
    kind: str
    content: bytes


def look_through(content: bytes) -> SafeFile:
    """What may be kept of ``content``. Raises Refused."""
    kind = next((kind for kind, start in _STARTS.items() if content.startswith(start)), None)
    if kind is None:
        raise Refused("kind")
    if kind == "pdf":
        _look_into_pdf(content)
        return SafeFile(kind, content)
    return SafeFile(kind, _drawn_anew(content, kind))


def mime_of(kind: str) -> str:
    return KINDS[kind]


def _drawn_anew(content: bytes, kind: str) -> bytes:
    # Loaded with the first picture that somebody adds: most processes never see one.
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content), formats=[_PILLOW[kind]]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Refused("pixels")
            # What a camera noted about "up" goes with the rest it noted; so turn it first.
            upright = ImageOps.exif_transpose(picture)
            return _encoded(upright, kind)
    except (OSError, ValueError, SyntaxError, zlib.error, Image.DecompressionBombError) as error:
        raise Refused("kind") from error


def _encoded(picture: Image, kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "jpg":
        picture = picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
    picture.info = {name: value for name, value in picture.info.items() if name == "transparency"}
    picture.save(out, _PILLOW[kind], quality=88)
    return out.getvalue()


def _look_into_pdf(content: bytes) -> None:
    if b"%%EOF" not in content[-_PDF_TAIL:] or b"PK\x05\x06" in content[-_ZIP_TAIL:]:
        raise Refused("kind")
    plain = _unescaped(content)
    if b"/Encrypt" in plain:
        raise Refused("locked")
    if _ACTIVE.search(plain):
        raise Refused("active")
    left = _MOST_UNFOLDED
    for found in _STREAM.finditer(content):
        before = content[max(0, found.start() - _DICTIONARY_BYTES) : found.start()]
        begin = before.rfind(b"obj")
        if begin < 0:
            raise Refused("active")
        facts = _unescaped(before[begin:])
        # Other objects may be packed into a stream. What is not packed was read above.
        if b"/ObjStm" not in facts or b"/Filter" not in facts:
            continue
        if not re.search(rb"/Filter\s*(/FlateDecode|\[\s*/FlateDecode\s*\])", facts):
            raise Refused("active")
        unfolded = _unfolded(content, found.end(), left)
        left -= len(unfolded)
        if _ACTIVE.search(_unescaped(unfolded)):
            raise Refused("active")


def _unfolded(content: bytes, start: int, most: int) -> bytes:
    """The stream that begins at ``start``, unless it is more than ``most``."""
    inflate = zlib.decompressobj()
    try:
        unfolded = inflate.decompress(memoryview(content)[start:], max(most, 1))
    except zlib.error as error:
        raise Refused("active") from error
    if not inflate.eof:
        raise Refused("active")  # larger than anybody writes, or cut off
    return unfolded


def _unescaped(text: bytes) -> bytes:
    """A PDF may write any letter of a name as # and two digits."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text)
