"""A picture of an event for the sites a link to it is shown on: its words, beside a lamp.

Drawn from the words alone, so the same event always has the same picture.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

# What Open Graph readers ask for.
WIDTH, HEIGHT = 1200, 630
_FONTS = Path(__file__).resolve().parent.parent / "static" / "fonts"
_GROUND, _INK, _QUIET = "#faf5ec", "#1e2a24", "#55605a"
# The colours of the drawn art in static/css/tokens.css, in three orders.
_RINGS = (
    ("#e6ecdd", "#8fb59b", "#1d5c46", "#e5a33b", "#f6dfae"),
    ("#f6dfae", "#e5a33b", "#c96f4a", "#8fb59b", "#e6ecdd"),
    ("#8fb59b", "#1d5c46", "#e6ecdd", "#f6dfae", "#e5a33b"),
)
_MARGIN, _TEXT_WIDTH = 80, 690


def event_picture(*, seed: str, title: str, lines: list[str]) -> bytes:
    """A PNG with ``title`` and at most two ``lines``. Words our fonts have no letters for are
    left out rather than drawn as boxes."""
    # Loaded with the first picture that is drawn: most processes never draw one.
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), _GROUND)
    draw = ImageDraw.Draw(image)
    _lamp(draw, seed)
    y = _MARGIN
    draw.text((_MARGIN, y), "greenroom", font=_font("newsreader", 44), fill=_INK)
    y += 110
    size = 84 if len(title) <= 28 else 64 if len(title) <= 60 else 50
    font = _font("newsreader", size)
    for line in _wrapped(draw, title, font)[:4]:
        draw.text((_MARGIN, y), line, font=font, fill=_INK)
        y += int(size * 1.16)
    y += 28
    small = _font("figtree", 34)
    for line in lines[:2]:
        for part in _wrapped(draw, line, small)[:1]:
            draw.text((_MARGIN, y), part, font=small, fill=_QUIET)
            y += 50
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(_FONTS / f"{name}.woff2", size)


def _lamp(draw: ImageDraw.ImageDraw, seed: str) -> None:
    """Rings of light round a lamp, its place and colours from the seed."""
    dice = hashlib.sha256(seed.encode()).digest()
    x, y = 960 + dice[0] % 120, 210 + dice[1] % 200
    colours = _RINGS[dice[2] % len(_RINGS)]
    for number, colour in enumerate(colours):
        radius = 300 - number * (46 + dice[3] % 10)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _wrapped(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont) -> list[str]:
    """``text`` in lines that fit, or nothing where a letter is missing in the font."""
    if any(not (" " <= letter <= "ÿ" or "‐" <= letter <= "…") for letter in text):
        return []
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and draw.textlength(longer, font=font) > _TEXT_WIDTH:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
