"""Spans of time in whole hours."""

from django import template

register = template.Library()


@register.filter
def hours(seconds: float) -> int:
    """Whole hours in ``seconds``."""
    return int(seconds // 3600)
