import pytest
from django.utils import translation

from common.money import show_money


@pytest.mark.parametrize(
    ("amount", "currency", "language", "shown"),
    [
        (6000, "GBP", "en", "£60.00"),
        (6000, "JPY", "en", "¥6,000"),
        (1_234_567, "USD", "en", "$12,345.67"),
        (6000, "EUR", "es", "60,00\u00a0€"),
        (-50, "GBP", "en", "-£0.50"),
        (123456, "BRL", "pt-br", "R$\u00a01.234,56"),
        (123456, "EUR", "fr", "1\u202f234,56\u00a0€"),
        (123456, "EUR", "de", "1.234,56\u00a0€"),
        # Held together, or the sign of the dollar would stand at the other end.
        (123456, "USD", "ar", "\u20661,234.56\u00a0US$\u2069"),
    ],
)
def test_an_amount_is_shown_as_people_write_it(amount, currency, language, shown) -> None:
    with translation.override(language):
        assert show_money(amount, currency) == shown
