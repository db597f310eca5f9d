"""Tests with real transactions leave an empty database behind them: see tests/conftest.py."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from tests.conftest import MADE_BY_MIGRATING
from tests.therapy_credits.conftest import make_pool
from therapy_credits.models import Transfer


def rows() -> dict[str, int]:
    """How many there are in each table that tests write to."""
    tables = set(connection.introspection.django_table_names(only_existing=True))
    with connection.cursor() as cursor:
        counted = {}
        for table in tables - MADE_BY_MIGRATING:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counted[table] = cursor.fetchone()[0]
    return counted


@pytest.mark.django_db(transaction=True)
def test_the_books_are_emptied_too_and_what_django_made_stays() -> None:
    make_pool()
    assert rows()[Transfer._meta.db_table] > 0
    # The control: whoever asks without looking away is refused.
    with pytest.raises(DatabaseError), transaction.atomic():
        Transfer.objects.all()._raw_delete("default")

    call_command("flush", interactive=False, verbosity=0)

    assert set(rows().values()) == {0}
    ContentType.objects.clear_cache()
    assert ContentType.objects.count() == len(apps.get_models())
