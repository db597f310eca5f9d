"""Amounts as people read them. Everywhere else an amount is a whole number of minor units."""

from __future__ import annotations

import re
from decimal import Decimal

from babel.numbers import (
    NumberFormatError,
    format_currency,
    format_decimal,
    get_currency_precision,
    get_currency_symbol,
    get_group_symbol,
    parse_decimal,
)

from common.text import babel_locale

# A point or a comma that can only be the decimal one, whoever types it: no three digits follow.
_SURELY_DECIMAL = re.compile(r"^(\d+)[.,](\d{1,2})$")


_RIGHT_TO_LEFT = "\u200f"
# The digits and marks of an Arabic keyboard.
_ARABIC = str.maketrans("٠١٢٣٤٥٦٧٨٩٫٬", "0123456789.,")


class NotAnAmount(ValueError):
    """It does not read as an amount."""


class TooManyDecimals(ValueError):
    """The currency has no unit that small; ``places`` is how many decimals it has."""

    def __init__(self, currency: str) -> None:
        super().__init__(currency)
        self.places = get_currency_precision(currency)


def show_money(amount_minor: int, currency: str) -> str:
    """``6000, "GBP"`` as "£60.00", in the active language; a yen has no smaller unit."""
    shown = format_currency(to_decimal(amount_minor, currency), currency, locale=babel_locale())
    # Where people read from right to left, "US$" after a number would fall apart.
    return f"\u2066{shown.lstrip(_RIGHT_TO_LEFT)}\u2069" if _RIGHT_TO_LEFT in shown else shown


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """``6000, "GBP"`` as 60.00: for files that programs read."""
    return Decimal(amount_minor).scaleb(-get_currency_precision(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """60.00, "GBP" as 6000. TooManyDecimals where the currency has no unit that small."""
    minor = amount.scaleb(get_currency_precision(currency))
    if minor != minor.to_integral_value():
        raise TooManyDecimals(currency)
    return int(minor)


def read_money(text: str, currency: str) -> int:
    """What somebody typed, as minor units: "1.250,50 €" in Spanish, "£1,250.50" in English.

    It is read by the active language. A comma or a point that can only be the decimal one is
    taken as that in every language. Raises NotAnAmount and TooManyDecimals.
    """
    locale = babel_locale()
    marks = {currency, get_currency_symbol(currency, locale), get_currency_symbol(currency, "en")}
    bare = text.strip().translate(_ARABIC)
    for mark in marks:
        bare = bare.removeprefix(mark).removesuffix(mark).strip()
    if (group := get_group_symbol(locale)).isspace():
        bare = re.sub(r"\s", group, bare)  # nobody has the narrow one on a keyboard
    try:
        amount = parse_decimal(bare, locale=locale, strict=True)
    except NumberFormatError:
        sure = _SURELY_DECIMAL.match(bare)
        if sure is None:
            raise NotAnAmount(text) from None
        amount = Decimal(f"{sure[1]}.{sure[2]}")
    if not amount.is_finite() or amount < 0 or amount.adjusted() > 9:
        raise NotAnAmount(text)
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)  # a finite one has a number there
    if -exponent > get_currency_precision(currency):
        # Also where the rest is noughts: "1.000" may be meant as a thousand.
        raise TooManyDecimals(currency)
    return to_minor(amount, currency)


def write_money(amount_minor: int, currency: str) -> str:
    """An amount as somebody would type it into a form, in the active language."""
    places = get_currency_precision(currency)
    pattern = f"0.{'0' * places}" if places else "0"
    return format_decimal(to_decimal(amount_minor, currency), format=pattern, locale=babel_locale())
