"""What may be added to an application, and what of it is kept."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image

from ambassadors.domain import files
from ambassadors.domain.files import Refused, look_through
from tests.ambassadors.rounds import PDF, PNG, picture

JPEG = picture("JPEG")
ZIP = b"PK\x03\x04 an archive PK\x05\x06" + b"\x00" * 18
SCRIPT = b"<</S /JavaScript /JS (app.alert(1))>>"


def pdf(*objects: bytes) -> bytes:
    numbered = (b"%d 0 obj\n%s\nendobj\n" % pair for pair in enumerate(objects, 1))
    return b"%PDF-1.7\n" + b"".join(numbered) + b"trailer\n<<>>\n%%EOF\n"


def packed(inside: bytes, filters: bytes = b"/FlateDecode", padding: bytes = b"") -> bytes:
    """Objects in a stream, as programs pack them to save space."""
    facts = b"<</Type /ObjStm /N 1 /First 4 /Filter %s%s>>" % (filters, padding)
    return facts + b"\nstream\n" + zlib.compress(inside) + b"\nendstream"


@pytest.mark.parametrize(("content", "kind"), [(PDF, "pdf"), (PNG, "png"), (JPEG, "jpg")])
def test_a_pdf_a_png_and_a_jpeg_are_kept(content: bytes, kind: str) -> None:
    assert look_through(content).kind == kind


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><script>alert(1)</script>",
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"GIF89a",
        ZIP,
        b"%PDF-1.7 cut off",
        PNG[:-30],
        JPEG[: len(JPEG) // 2],
        b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>IEND\xaeB`\x82",
        b"\xff\xd8\xff\xe0<html>\xff\xd9",
        PDF + ZIP,
    ],
    ids=lambda content: repr(content[:24]),
)
def test_whatever_is_something_else_or_two_things_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        look_through(content)
    assert refusal.value.why == "kind"


@pytest.mark.parametrize("content", [PNG, JPEG], ids=["png", "jpg"])
def test_nothing_that_hides_behind_a_picture_is_kept(content: bytes) -> None:
    kept = look_through(content + ZIP + b"<script>alert(1)</script>").content
    assert b"PK" not in kept
    assert b"<script>" not in kept
    assert Image.open(io.BytesIO(kept)).size == (4, 3)


def test_where_a_picture_was_taken_and_by_whom_is_not_kept_and_up_stays_up() -> None:
    exif = Image.Exif()
    exif[0x013B] = "Zqnamezq"  # Artist
    exif[0x0112] = 6  # Orientation: the camera was turned
    taken = picture("JPEG", exif=exif.tobytes(), comment=b"Zqnamezq")
    assert b"Zqnamezq" in taken
    kept = look_through(taken).content
    assert b"Zqnamezq" not in kept
    assert Image.open(io.BytesIO(kept)).size == (3, 4)


def test_a_small_file_that_unfolds_into_a_huge_picture_is_refused_unopened() -> None:
    with pytest.raises(Refused) as refusal:
        look_through(picture("PNG", size=(8000, 4000)))
    assert refusal.value.why == "pixels"


@pytest.mark.parametrize(
    "content",
    [
        pdf(SCRIPT),
        pdf(b"<</S /J#61vaScript /JS (app.alert(1))>>"),
        pdf(b"<</Names <</EmbeddedFiles 2 0 R>>>>"),
        pdf(b"<</S /Launch /F (cmd.exe)>>"),
        pdf(b"<</AcroForm <</XFA 2 0 R>>>>"),
        pdf(packed(SCRIPT)),
        pdf(packed(SCRIPT, b"[/FlateDecode]")),
        # What cannot be looked into is not taken for harmless.
        pdf(packed(SCRIPT, b"[/ASCII85Decode /FlateDecode]")),
        pdf(packed(SCRIPT, padding=b" " * 5000)),
        pdf(packed(SCRIPT)[:-30]),
    ],
)
def test_a_pdf_that_runs_or_carries_something_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        look_through(content)
    assert refusal.value.why == "active"


def test_a_pdf_that_unfolds_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_UNFOLDED", 100_000)
    assert look_through(pdf(packed(b" " * 90_000))).kind == "pdf"
    for bomb in (pdf(packed(b" " * 100_001)), pdf(*[packed(b" " * 90_000)] * 2)):
        with pytest.raises(Refused):
            look_through(bomb)


def test_a_locked_pdf_is_refused_with_its_own_words() -> None:
    with pytest.raises(Refused) as refusal:
        look_through(pdf(b"<</Encrypt 2 0 R>>"))
    assert refusal.value.why == "locked"


def test_an_ordinary_pdf_with_text_and_packed_objects_is_kept_as_it_is() -> None:
    page = b"<</Length 44>>\nstream\nBT /F1 12 Tf (A page about streams) Tj ET\nendstream"
    content = pdf(b"<</Type /Catalog /OpenAction [3 0 R /Fit]>>", page, packed(b"<</Title (Me)>>"))
    assert look_through(content).content == content
