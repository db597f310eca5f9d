"""A code that proves who somebody is works once, even for two who use it in the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.db import connections
from django.db.models import QuerySet

from accounts.models import User
from tests.accounts.test_sign_in import add_totp, totp_code
from tests.conftest import NOW

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def at_once(attempt: Callable[[], bool], people: int) -> list[bool]:
    """What each of ``people`` is told who try in the same moment."""
    start = threading.Barrier(people, timeout=20)
    answers: list[bool] = []

    def run() -> None:
        try:
            start.wait()
            answers.append(attempt())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(answers) == people
    return answers


def use_recovery_code(user: User) -> Callable[[], bool]:
    (code, *_others) = RecoveryCodes.activate(user).generate_codes()

    def attempt() -> bool:
        mine = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
        return bool(RecoveryCodes(mine).validate_code(code))

    return attempt


# Not in the last seconds of one, where the next code would be due.
AT_THE_BEGINNING_OF_A_PERIOD = time_machine.travel(NOW, tick=True)


def use_app_code(user: User) -> Callable[[], bool]:
    add_totp(user)
    code = totp_code(time.time())

    def attempt() -> bool:
        mine = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
        return bool(TOTP(mine).validate_code(code))

    return attempt


def test_of_eight_who_use_one_recovery_code_one_gets_in(ann: User) -> None:
    assert sum(at_once(use_recovery_code(ann), 8)) == 1


@AT_THE_BEGINNING_OF_A_PERIOD
def test_of_eight_who_use_one_code_of_an_app_one_gets_in(ann: User) -> None:
    assert sum(at_once(use_app_code(ann), 8)) == 1


def test_without_the_lock_both_recovery_codes_would_work(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the test above is able to fail."""
    both_have_read = threading.Barrier(2, timeout=20)
    mark = RecoveryCodes._mark_code_used

    def mark_late(codes: RecoveryCodes, number: int) -> None:
        both_have_read.wait()
        mark(codes, number)

    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **options: rows)
    monkeypatch.setattr(RecoveryCodes, "_mark_code_used", mark_late)

    assert at_once(use_recovery_code(ann), 2) == [True, True]


@AT_THE_BEGINNING_OF_A_PERIOD
def test_with_look_then_write_both_codes_of_an_app_would_work(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the test above is able to fail."""
    both_have_read = threading.Barrier(2, timeout=20)

    def look_then_write(totp: TOTP, code: str) -> bool:
        is_used = cache.get(totp._get_used_cache_key(code)) is not None
        both_have_read.wait()
        cache.set(totp._get_used_cache_key(code), "y", timeout=30)
        return not is_used

    monkeypatch.setattr(TOTP, "_mark_code_used", look_then_write)

    assert at_once(use_app_code(ann), 2) == [True, True]
