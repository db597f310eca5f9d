"""The geometry of the report's bar chart. The template draws it; the table beside it says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 220
_LEFT, _TOP, _BOTTOM = 44, 12, 28


@dataclass(frozen=True)
class Bar:
    """One bar: where it is, how high, and what it says. ``value`` is None where withheld."""

    label: str
    value: int | None
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def label_y(self) -> float:
        return self.y - 6


@dataclass(frozen=True)
class GridLine:
    value: int
    y: float


@dataclass(frozen=True)
class BarChart:
    bars: Sequence[Bar]
    grid: Sequence[GridLine]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT

    @property
    def baseline(self) -> int:
        return HEIGHT - _BOTTOM

    @property
    def axis_y(self) -> int:
        return HEIGHT - 8


def nice_ceiling(value: int) -> int:
    """The smallest of 1, 2, 5 × a power of ten, times 2 at least, that ``value`` fits under."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * 4 >= value:
                return step * factor * 4
        step *= 10


def bar_chart(points: Sequence[tuple[str, int | None]]) -> BarChart:
    """Bars for (label, value) in order; a withheld value is a hatched stub of fixed height."""
    top = nice_ceiling(max((value or 0 for _, value in points), default=0) or 4)
    room = HEIGHT - _TOP - _BOTTOM
    slot = (WIDTH - _LEFT) / max(len(points), 1)
    width = min(slot * 0.6, 72)
    bars = []
    for place, (label, value) in enumerate(points):
        height = room * (value / top) if value is not None else 14
        bars.append(
            Bar(
                label=label,
                value=value,
                x=round(_LEFT + slot * place + (slot - width) / 2, 1),
                y=round(HEIGHT - _BOTTOM - height, 1),
                width=round(width, 1),
                height=round(height, 1),
            )
        )
    grid = [
        GridLine(top * part // 4, round(HEIGHT - _BOTTOM - room * part / 4, 1)) for part in range(5)
    ]
    return BarChart(bars, grid)
