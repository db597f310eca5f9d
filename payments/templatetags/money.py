"""Amounts in templates."""

from django import template

from common.money import show_money

register = template.Library()


@register.filter
def money(amount_minor: int, currency: str) -> str:
    """``{{ 6000|money:"GBP" }}`` is £60.00."""
    return show_money(amount_minor, currency)
