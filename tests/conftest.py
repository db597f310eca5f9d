"""The cast, each person with one line of purpose. An app adds its own in its conftest.py."""

import datetime as dt
import gc
from collections.abc import Iterator
from importlib.util import find_spec

import hypothesis
import pytest
from django.core.cache import cache
from django.core.management.commands import flush
from django.db.backends.postgresql.operations import DatabaseOperations
from pytest_django import Settings

from accounts.models import Role, User
from accounts.services.grants import give_role
from common import hints
from config.local.process import stop
from config.local.site import TEST_KEY, TEST_WEBHOOK_SECRET
from tests import schema
from tests.processor import Processor
from tests.processor import start as start_processor

# A Wednesday noon, clear of every daylight-saving change. Tests that need "now" use this.
NOW = dt.datetime(2026, 6, 3, 12, 0, tzinfo=dt.UTC)

MADE_BY_MIGRATING = {"django_content_type", "auth_permission"}

# On a busy machine an example may take long; what a test must be fast at, it measures itself.
hypothesis.settings.register_profile(
    "greenroom", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("greenroom")

# Without the tools for a browser, which are installed only where one is, nothing there can even
# be imported. What that leaves out is named at the end of the run.
HAS_BROWSER_TOOLS = find_spec("playwright") is not None
collect_ignore = [] if HAS_BROWSER_TOOLS else ["journeys"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rounds", type=int, default=1, help="repeat each race and each kill so often"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What depends on chance is proved by repetition: ``make soak``."""
    rounds = metafunc.config.getoption("--rounds")
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if rounds > 1 and marks & {"race", "fault"}:
        metafunc.fixturenames.append("round_number")
        metafunc.parametrize("round_number", range(rounds))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first: what is left for the end is small enough to share out.
    But of the processes that begin, one makes the database (tests/schema.py); the others have
    meanwhile what needs none.

    Each file is tested by one process (``--dist loadfile``), in this order.
    """
    marks = {item: {mark.name for mark in item.iter_markers()} for item in items}
    with_database = {
        item.path
        for item in items
        if "django_db" in marks[item] or {"db", "django_db_setup"} & set(item.fixturenames)
    }
    long = {item.path for item in items if {"journey", "fault", "machine"} & marks[item]}
    long |= {item.path for item in items if item.path.parent.name == "architecture"}
    first = min(long & with_database, default=None)
    items.sort(
        key=lambda item: (item.path != first, item.path in with_database, item.path not in long)
    )


def pytest_collection_finish() -> None:
    """What was imported stays until the end: Python need not look through it for garbage, which
    takes a tenth of the time of all tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not HAS_BROWSER_TOOLS:
        terminalreporter.section("not run here")
        terminalreporter.line("tests/journeys: there is no browser. To let them run:")
        terminalreporter.line("    apt-get install chromium && make test")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Before pytest-django makes the database: see tests/schema.py."""
    schema.start_from_kept()


@pytest.fixture(scope="session", autouse=True)
def _tests_may_empty_what_is_kept_for_good() -> Iterator[None]:
    """History tables and the ledger refuse to be emptied. After a test with real transactions they
    are all the same, so for that one time, and only here, every trigger looks away: those of
    django-pgtrigger and those written in SQL.

    Most tables are empty then, and to DELETE nothing is quicker by far than to TRUNCATE. Nobody
    else is at work there meanwhile, as with TRUNCATE. What Django makes after a migration stays,
    so it need not be made again.
    """

    def sql_flush(
        operations: DatabaseOperations, style: object, tables: list[str], **options: object
    ) -> list[str]:
        names = [operations.quote_name(name) for name in tables if name not in MADE_BY_MIGRATING]
        return [
            "SET LOCAL session_replication_role = replica",
            f"LOCK TABLE {', '.join(names)}",
            "; ".join(f"DELETE FROM {name}" for name in names),
        ]

    patch = pytest.MonkeyPatch()
    patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
    patch.setattr(flush, "emit_post_migrate_signal", lambda *_args, **_options: None)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """A test's rows are rolled back; what an earlier test left in the cache would outlive them,
    and so would that it gave a hint a moment ago."""
    cache.clear()
    hints._given.clear()


@pytest.fixture(scope="session")
def _processor_address() -> Iterator[str]:
    process, address = start_processor()
    yield address
    stop([process])


@pytest.fixture
def processor(_processor_address: str, settings: Settings) -> Processor:
    """The stand-in for the payment processor. Without it a test has none, like a site without
    keys."""
    settings.STRIPE_SECRET_KEY = TEST_KEY
    settings.STRIPE_WEBHOOK_SECRET = TEST_WEBHOOK_SECRET
    settings.STRIPE_API_BASE = _processor_address
    found = Processor(_processor_address)
    found.lose(0)
    return found


@pytest.fixture
def now() -> dt.datetime:
    return NOW


def make_user(name: str, **fields: object) -> User:
    return User.objects.create_user(
        f"{name}@example.org", "greenroom-test", name=name.title(), **fields
    )


@pytest.fixture
def attendee(db: None) -> User:
    """Comes to events. Enrolled nowhere."""
    return make_user("attendee")


@pytest.fixture
def outsider(db: None) -> User:
    """Has an account and nothing else: must see nothing of anybody."""
    return make_user("outsider")


def make_staff(name: str, *roles: Role) -> User:
    user = make_user(name)
    for role in roles:
        give_role(user=user, role=role, giver=None, at=NOW)
    return user


@pytest.fixture
def coordinator(db: None) -> User:
    """Runs events and enrols ambassadors. Never sees who is in therapy."""
    return make_staff("coordinator", Role.COORDINATOR)


@pytest.fixture
def care_coordinator(db: None) -> User:
    """Helps people reach care. Each look is written down and shown to the person."""
    return make_staff("care", Role.CARE)


@pytest.fixture
def finance(db: None) -> User:
    """Sees amounts and references, never names."""
    return make_staff("finance", Role.FINANCE)


@pytest.fixture
def analyst(db: None) -> User:
    """Reads published reports, never rows."""
    return make_staff("analyst", Role.ANALYST)


@pytest.fixture
def admin_user(db: None) -> User:
    """Sets up and gives roles. Sees no bookings."""
    return make_staff("admin", Role.ADMIN)
