"""What a browser calls itself, in words a person recognises."""

import pytest

from common.devices import name_of

LIKE_GECKO = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0) {LIKE_GECKO} Chrome/130.0 Safari/537.36 Edg/130.0",
            "Edge, Windows",
        ),
        (f"Mozilla/5.0 (Linux; Android 14) {LIKE_GECKO} Chrome/130.0 Mobile", "Chrome, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:130.0) Firefox/130.0", "Firefox, Mac"),
        ("curl/8.9", "curl/8.9"),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_called_by_its_browser_and_its_kind(user_agent: str, name: str) -> None:
    assert name_of(user_agent) == name
