"""A picture of an event for the sites a link to it is shown on: its words, beside a lamp.

Drawn from the words alone, so the same event always has the same picture.
"""

from __future__ import annotations

import hashlib
import io
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

# What Open Graph readers ask for.
WIDTH, HEIGHT = 1200, 630
_HERE = Path(__file__).resolve().parent
_NEWSREADER = _HERE.parent / "static" / "fonts" / "newsreader.woff2"
_FIGTREE = _HERE.parent / "static" / "fonts" / "figtree.woff2"
# The signs our own fonts have besides the letters of basic Latin.
_SIGNS = "\xa0¡£§©ª«°·º»¿–—‘’“”„•…"
# What they have no letters for (docs/third-party.md says how it was made).
_NOTO = _HERE / "fonts" / "noto-pictures.woff2"
_NEEDS_SHAPING = (
    range(0x0590, 0x0780),  # Hebrew, Arabic
    range(0x0900, 0x0980),  # Devanagari
    range(0x0E00, 0x0E80),  # Thai
    range(0x200C, 0x2010),  # joiners and marks of direction
    range(0xFB1D, 0xFF00),
)
_NOTO_HAS = (
    range(0x0020, 0x007F),
    range(0x00A0, 0x0250),  # Latin
    range(0x02B0, 0x03E2),  # Greek
    range(0x03F0, 0x0530),  # Cyrillic
    range(0x0590, 0x0700),
    range(0x0750, 0x0780),
    range(0x0900, 0x0980),
    range(0x0E00, 0x0E80),
    range(0x1E00, 0x2000),
    range(0x200C, 0x2028),
    range(0x2030, 0x203B),
    (0x20AC, 0x2116, 0x2122),
    range(0xFB1D, 0xFB50),
    range(0xFB50, 0xFE00),
    range(0xFE70, 0xFF00),
)
_GROUND, _INK, _QUIET = "#faf5ec", "#1e2a24", "#55605a"
# The colours of the drawn art in static/css/tokens.css, in three orders.
_RINGS = (
    ("#e6ecdd", "#8fb59b", "#1d5c46", "#e5a33b", "#f6dfae"),
    ("#f6dfae", "#e5a33b", "#c96f4a", "#8fb59b", "#e6ecdd"),
    ("#8fb59b", "#1d5c46", "#e6ecdd", "#f6dfae", "#e5a33b"),
)
_MARGIN, _TEXT_WIDTH = 80, 690

# Of a photograph that somebody brings: so many pixels are read at most, and so wide it is kept.
_MOST_PIXELS = 50_000_000
_WIDEST = 1600


class NotAPicture(ValueError):
    """The file is no picture in a format we read, or an absurdly large one."""


def photograph(data: bytes) -> bytes:
    """A JPEG of ``data`` (JPEG, PNG or WebP), turned upright, at most 1,600 pixels wide or high,
    without anything else the file says: where it was taken, or by whom. Raises NotAPicture."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP"))
        # The header says how large it would be, before a byte of it is unpacked.
        if image.width * image.height > _MOST_PIXELS:
            raise NotAPicture
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as wrong:
        raise NotAPicture from wrong
    upright.thumbnail((_WIDEST, _WIDEST))
    flat = Image.new("RGB", upright.size, "white")
    flat.paste(upright, mask=upright.getchannel("A"))
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=82, optimize=True, progressive=True)
    return out.getvalue()


def event_picture(*, seed: str, title: str, lines: list[str]) -> bytes:
    """A PNG with ``title`` and at most two ``lines``, in whatever script our fonts have. Words
    they have no letters for are left out rather than drawn as boxes."""
    # Loaded with the first picture that is drawn: most processes never draw one.
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), _GROUND)
    draw = ImageDraw.Draw(image)
    _lamp(draw, seed)
    y = _MARGIN
    draw.text((_MARGIN, y), "greenroom", font=_font(_NEWSREADER, 44), fill=_INK)
    y += 110
    size = 84 if len(title) <= 28 else 64 if len(title) <= 60 else 50
    if file := _file_for(title, _NEWSREADER):
        font = _font(file, size if file == _NEWSREADER else size - 12)
        for line in _wrapped(draw, title, font)[:4]:
            _draw(draw, y, line, font, _INK, is_reversed=_is_reversed(title))
            y += int(size * 1.16)
        y += 28
    for line in lines[:2]:
        if file := _file_for(line, _FIGTREE):
            font = _font(file, 34)
            first = _wrapped(draw, line, font)[0]
            _draw(draw, y, first, font, _QUIET, is_reversed=_is_reversed(line))
            y += 50
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def _file_for(text: str, usual: Path) -> Path | None:
    """The font that has every letter of ``text`` and can set it, or nothing."""
    from PIL import features

    if all(" " <= letter <= "~" or "À" <= letter <= "ÿ" or letter in _SIGNS for letter in text):
        return usual if text.strip() else None
    points = [ord(letter) for letter in text]
    if not all(any(point in block for block in _NOTO_HAS) for point in points):
        return None
    # Letters that join, stack or run the other way are set by Raqm, which Pillow has where the
    # system has libfribidi. Without it they would stand in the wrong order.
    is_plain = not any(point in block for point in points for block in _NEEDS_SHAPING)
    return _NOTO if is_plain or features.check("raqm") else None


def _is_reversed(text: str) -> bool:
    """Whether its script begins on the right."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


def _draw(
    draw: ImageDraw.ImageDraw,
    y: int,
    line: str,
    font: ImageFont.FreeTypeFont,
    ink: str,
    *,
    is_reversed: bool,
) -> None:
    if is_reversed:
        draw.text((_MARGIN + _TEXT_WIDTH, y), line, font=font, fill=ink, anchor="ra")
    else:
        draw.text((_MARGIN, y), line, font=font, fill=ink)


def _font(file: Path, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(file, size)


def _lamp(draw: ImageDraw.ImageDraw, seed: str) -> None:
    """Rings of light round a lamp, its place and colours from the seed."""
    dice = hashlib.sha256(seed.encode()).digest()
    x, y = 960 + dice[0] % 120, 210 + dice[1] % 200
    colours = _RINGS[dice[2] % len(_RINGS)]
    for number, colour in enumerate(colours):
        radius = 300 - number * (46 + dice[3] % 10)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _wrapped(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont) -> list[str]:
    """``text`` in lines that fit. A word that is longer than a line (Thai has no spaces) is
    broken where the line is full."""

    def fits(line: str) -> bool:
        return draw.textlength(line, font=font) <= _TEXT_WIDTH

    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if fits(longer):
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            # A mark stays with the letter that carries it.
            if not fits(lines[-1] + letter) and not unicodedata.category(letter).startswith("M"):
                lines.append("")
            lines[-1] += letter
    return lines
