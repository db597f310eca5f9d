"""What can be paid in, and how the processor counts it.

Amounts are whole minor units of ISO 4217 everywhere here. The processor does the same, but for
two currencies that it counts in hundredths though they have none, and for those with thousandths,
of which it takes only whole tens (https://docs.stripe.com/currencies).
"""

from __future__ import annotations

from babel.numbers import get_currency_precision

# The least that can be charged at once. Below about half a US dollar the processor refuses.
LEAST: dict[str, int] = {
    "GBP": 30,
    "EUR": 50,
    "USD": 50,
    "AUD": 50,
    "BRL": 50,
    "CAD": 50,
    "CHF": 50,
    "CZK": 1500,
    "DKK": 250,
    "ISK": 100,
    "JPY": 50,
    "KWD": 200,
    "MXN": 1000,
    "NOK": 300,
    "NZD": 50,
    "PLN": 200,
    "SEK": 300,
}
CURRENCIES = tuple(LEAST)
# Far above what an evening costs.
MOST = 9_999_999
# What the processor takes at most, as it counts.
_EIGHT_DIGITS = 99_999_999

_COUNTED_IN_HUNDREDTHS = {"ISK", "UGX"}


def step_of(currency: str) -> int:
    """Of how many minor units an amount must be a multiple."""
    return 10 if get_currency_precision(currency) == 3 else 1


def is_chargeable(amount_minor: int, currency: str) -> bool:
    """Whether the processor would take this amount."""
    return LEAST[currency] <= amount_minor <= most_of(currency) and is_whole(amount_minor, currency)


def is_whole(amount_minor: int, currency: str) -> bool:
    """Whether it is of steps the processor can count."""
    return amount_minor % step_of(currency) == 0


def most_of(currency: str) -> int:
    """The most that one amount may be."""
    return min(MOST, as_we_count(_EIGHT_DIGITS, currency))


def as_processor_counts(amount_minor: int, currency: str) -> int:
    return amount_minor * 100 if currency in _COUNTED_IN_HUNDREDTHS else amount_minor


def as_we_count(amount: int, currency: str) -> int:
    """What the processor says, in our minor units. ``currency`` may be in small letters."""
    return amount // 100 if currency.upper() in _COUNTED_IN_HUNDREDTHS else amount
