"""Wall-clock times that exist, that do not, and that happen twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


class NoSuchTimeError(ValueError):
    """The clock jumps over this time in spring. ``instead`` is the first time after the jump."""

    def __init__(self, instead: datetime) -> None:
        super().__init__(instead)
        self.instead = instead


class HappensTwiceError(ValueError):
    """The clock is put back over this time in autumn: it must be said which one is meant."""


def moment(day: date, clock: time, zone: ZoneInfo, *, is_second: bool | None = None) -> datetime:
    """The instant at which a clock in ``zone`` shows ``clock`` on ``day``.

    ``is_second`` says which of two is meant where the hour happens twice, and is ignored
    elsewhere. Raises NoSuchTimeError and HappensTwiceError.
    """
    first = datetime.combine(day, clock, zone).replace(fold=0)
    second = first.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    # PEP 495: in a gap the first reading uses the offset before the jump, so going to UTC
    # and back lands after it; in a repeated hour both readings come back as they were.
    came_back = first.astimezone(UTC).astimezone(zone)
    if came_back.replace(tzinfo=None) != first.replace(tzinfo=None):
        raise NoSuchTimeError(came_back)
    if is_second is None:
        raise HappensTwiceError
    return (second if is_second else first).astimezone(UTC)
