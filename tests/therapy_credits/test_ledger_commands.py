"""What the schedule and the operator run."""

from __future__ import annotations

from io import StringIO
from uuid import uuid4

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from tests.factories import EnrolmentFactory, TermFactory
from tests.therapy_credits.conftest import DAY, give, hold, make_pool
from therapy_credits import tasks
from therapy_credits.models import Account, Kind, Policy, Pool

pytestmark = pytest.mark.django_db


def test_allocate_due_says_what_it_did(pool: Pool) -> None:
    today = timezone.now().date()
    term = TermFactory(starts_on=today - 30 * DAY, ends_on=today + 30 * DAY)
    Policy.objects.create(pool=pool, term=term, units=2)
    EnrolmentFactory(term=term)
    for given in (1, 0):
        out = StringIO()
        call_command("allocate_due", stdout=out)
        assert out.getvalue() == f"Allocations made: {given}. Taken back: 0.\n"


def test_the_schedule_ends_what_is_over(pool: Pool) -> None:
    before = timezone.now() - 60 * DAY
    lost, held = uuid4(), uuid4()
    for person in (lost, held):
        give(pool, person, 1, days=40, since=before)
    hold(held, at=before)
    assert tasks.sweep_overdue_holds() == 1
    assert tasks.expire_lots() == 2
    assert not Account.objects.filter(kind=Kind.LOT, closed_at__isnull=True).exists()


def test_the_nightly_proof_counts_what_is_wrong() -> None:
    make_pool(units=0)
    assert tasks.check_ledger() == 0
    make_pool("Unpaid", units=1)
    assert tasks.check_ledger() == 2


def test_every_task_of_the_schedule_and_of_a_hint_exists() -> None:
    current_app.loader.import_default_modules()
    named = {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    named |= {task for hinted in settings.HINTS.values() for task in hinted}
    assert named - set(current_app.tasks) == set()
