"""Sharing units out over lots: pure arithmetic."""

from collections.abc import Iterable


def fill_in_order(units: int, available: Iterable[int]) -> list[int]:
    """Take ``units`` from ``available`` places, each emptied before the next is touched.

    One number for each place, zero where nothing was taken. The sum is less
    than ``units`` when there was not enough: the caller decides what that means.
    """
    taken = []
    for free in available:
        share = max(0, min(units, free))
        taken.append(share)
        units -= share
    return taken
