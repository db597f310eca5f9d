"""django-allauth ignores a setting it does not know. So each that we set is looked up in it."""

from __future__ import annotations

import re
from pathlib import Path

import allauth
import pytest
from django.conf import settings

SOURCE = Path(allauth.__file__).parent
PREFIXES = {
    "ACCOUNT_": "account",
    "MFA_": "mfa",
    "SOCIALACCOUNT_": "socialaccount",
    "USERSESSIONS_": "usersessions",
    "ALLAUTH_": ".",
}
OURS = sorted(name for name in dir(settings) if name.startswith(tuple(PREFIXES)) and name.isupper())


def is_read_by_allauth(name: str) -> bool:
    prefix = next(prefix for prefix in PREFIXES if name.startswith(prefix))
    source = (SOURCE / PREFIXES[prefix] / "app_settings.py").read_text()
    read = set(re.findall(r'_setting\(\s*"(\w+)"', source))
    return name.removeprefix(prefix) in read


@pytest.mark.parametrize("name", OURS)
def test_each_sign_in_setting_is_one_that_allauth_reads(name: str) -> None:
    assert is_read_by_allauth(name)


def test_a_misspelt_setting_would_be_noticed() -> None:
    assert len(OURS) > 15
    assert not is_read_by_allauth("ACCOUNT_LOGIN_BY_CODE_ENABLE")
    assert not is_read_by_allauth("MFA_TOTP_ISSUERS")


def test_allauth_has_taken_the_settings_that_matter() -> None:
    from allauth.account import app_settings as account
    from allauth.mfa import app_settings as mfa

    assert account.LOGIN_BY_CODE_ENABLED
    assert account.PREVENT_ENUMERATION is True
    assert account.REAUTHENTICATION_REQUIRED
    assert account.EMAIL_NOTIFICATIONS
    assert account.EMAIL_VERIFICATION == "mandatory"
    assert account.LOGIN_BY_CODE_TIMEOUT <= 600
    assert mfa.PASSKEY_LOGIN_ENABLED
    assert not mfa.TRUST_ENABLED
