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
    ],
)
def test_an_amount_is_shown_as_people_write_it(amount, currency, language, shown) -> None:
    with translation.override(language):
        assert show_money(amount, currency) == shown
