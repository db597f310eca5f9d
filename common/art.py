"""A picture for what has none: the same slug always draws the same pattern.

The shapes carry class names, not colours, so one drawing serves both themes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator

WIDTH, HEIGHT = 320, 200


class _Dice:
    """Numbers that depend on the slug alone."""

    def __init__(self, slug: str) -> None:
        self._bytes = self._stream(slug)

    @staticmethod
    def _stream(slug: str) -> Iterator[int]:
        block = slug.encode()
        while True:
            block = hashlib.sha256(block).digest()
            yield from block

    def between(self, low: int, high: int) -> int:
        return low + next(self._bytes) % (high - low + 1)


def _lamp(dice: _Dice) -> str:
    """Rings of light round a lamp."""
    x, y = dice.between(60, 260), dice.between(40, 160)
    first = dice.between(0, 1)
    rings = "".join(
        f'<circle class="f{(5, 4, 1, 2)[(step + first) % 4]}" cx="{x}" cy="{y}" r="{radius}"/>'
        for step, radius in enumerate(range(200, 20, -dice.between(34, 46)))
    )
    return f'{rings}<circle class="f5" cx="{x}" cy="{y}" r="15"/>'


def _curtain(dice: _Dice) -> str:
    """Folds of a curtain, and the light between them."""
    folds, x = [], -20
    while x < WIDTH:
        sway = dice.between(6, 18)
        shade = (1, 4, 1, 3, 2)[dice.between(0, 4)]
        # Each fold runs to the far edge, and the next one covers what is not its own.
        folds.append(f'<path class="f{shade}" d="M{x} 0c{sway} 70-{sway} 130 0 200H340V0z"/>')
        x += dice.between(22, 46)
    lamp = dice.between(70, 250)
    return f'{"".join(folds)}<path class="f5" d="M{lamp} 200a54 54 0 0 1 108 0z"/>'


def _strings(dice: _Dice) -> str:
    """Strings that have just been touched."""
    swing, waves = dice.between(10, 26), dice.between(1, 3)
    lines = []
    for number in range(7):
        y = 26 + number * 25
        points = []
        for x in range(0, WIDTH + 1, 20):
            fade = math.sin(math.pi * x / WIDTH)
            offset = swing * fade * math.sin(2 * math.pi * waves * x / WIDTH + number * 0.7)
            points.append(f"{x} {y + offset:.0f}")
        lines.append(
            f'<path class="l{(1, 4, 2, 1, 3, 4, 1)[number]}" stroke-width="{2 + number % 3 * 2}"'
            f' d="M{"L".join(points)}"/>'
        )
    moon = f'<circle class="f5" cx="{dice.between(50, 270)}" cy="{dice.between(50, 110)}" r="38"/>'
    return moon + "".join(lines)


def _hills(dice: _Dice) -> str:
    """Quiet hills with a low sun."""
    sun = f'<circle class="f2" cx="{dice.between(60, 260)}" cy="{dice.between(56, 90)}" r="32"/>'
    hills = []
    for number, shade in enumerate((5, 4, 3, 1)):
        top = 78 + number * 30 + dice.between(-8, 8)
        lift = dice.between(18, 46) * (-1 if number % 2 else 1)
        hills.append(
            f'<path class="f{shade}" d="M0 {top}c90-{abs(lift)} 160 {lift} 320 0V200H0z"/>'
        )
    return sun + "".join(hills)


def _keys(dice: _Dice) -> str:
    """Round tiles, each turned its own way."""
    tiles = []
    for row in range(4):
        for column in range(7):
            x, y, turn = column * 50 - 15, row * 50, dice.between(0, 3)
            shade = (1, 4, 5, 2, 3, 4, 1, 5)[dice.between(0, 7)]
            path = (
                f"M{x} {y}a50 50 0 0 1 50 50h-50z",
                f"M{x + 50} {y}a50 50 0 0 1-50 50v-50z",
                f"M{x + 50} {y + 50}a50 50 0 0 1-50-50h50z",
                f"M{x} {y + 50}a50 50 0 0 1 50-50v50z",
            )[turn]
            tiles.append(f'<path class="f{shade}" d="{path}"/>')
    return "".join(tiles)


MOTIFS: tuple[Callable[[_Dice], str], ...] = (_lamp, _curtain, _strings, _hills, _keys)


def pattern(slug: str) -> str:
    """An SVG drawing for ``slug``, decorative (hidden from screen readers), about 1 kB."""
    dice = _Dice(slug)
    motif = MOTIFS[dice.between(0, len(MOTIFS) - 1)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice"'
        f' aria-hidden="true" focusable="false">'
        f'<rect class="g0" width="{WIDTH}" height="{HEIGHT}"/>{motif(dice)}</svg>'
    )
