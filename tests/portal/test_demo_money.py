"""The demo shows what money does, where there is a processor."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from config.local.site import TEST_KEY
from events.models import Event, Rsvp
from events.queries import money_needs, seats_that_disagree
from payments.models import Charge, Refund
from portal.management.demo import money
from portal.management.demo.world import World
from tests.factories import UserFactory


@pytest.fixture
def world(coordinator: User) -> World:
    at = timezone.now().replace(second=0, microsecond=0)
    attendees = UserFactory.create_batch(10)
    return World(at=at, scale=0.2, users={"coordinator": coordinator}, attendees=attendees)


def test_its_payments_are_in_every_state(world: World, settings: Settings) -> None:
    settings.STRIPE_SECRET_KEY = TEST_KEY
    money.stage(world)
    assert set(Event.objects.values_list("price_kind", flat=True)) == {"fixed", "open", "deposit"}
    assert {one.status for one in Rsvp.objects.all()} == {"going", "left", "paying"}
    assert {(one.kind, one.status) for one in Refund.objects.all()} == {
        ("staff", "done"),
        ("staff", "failed"),
        ("deposit", "done"),
    }
    assert not Charge.objects.filter(status="paid", settled_at=None).exists()
    needs = [one.title for one in money_needs(world.users["coordinator"], at=world.at)]
    assert needs == [
        "A Day for Songwriters: a refund has failed",
        "Voice Care Masterclass: it was called off, and not everybody has their money back",
    ]
    assert not seats_that_disagree()


def test_without_a_processor_nothing_of_it_is_there(world: World) -> None:
    money.stage(world)
    assert not Event.objects.exists()
