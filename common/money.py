"""Amounts as people read them. Everywhere else an amount is a whole number of minor units."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision
from django.utils.translation import get_language, to_locale


def show_money(amount_minor: int, currency: str) -> str:
    """``6000, "GBP"`` as "£60.00", in the active language; a yen has no smaller unit."""
    return format_currency(
        to_decimal(amount_minor, currency), currency, locale=to_locale(get_language() or "en")
    )


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """``6000, "GBP"`` as 60.00: for files that programs read."""
    return Decimal(amount_minor).scaleb(-get_currency_precision(currency))
