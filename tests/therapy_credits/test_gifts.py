"""Giving sessions away: what moves, who learns what, and until when it can be undone."""

from __future__ import annotations

import datetime as dt
import re
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse

from notifications.models import Message
from tests.conftest import NOW
from tests.factories import GiftFactory, UserFactory
from tests.therapy_credits.care import Client, make_client
from tests.therapy_credits.conftest import DAY, account_of, give, make_pool
from tests.therapy_credits.test_care_races import assert_books_are_right, at_once
from therapy_credits.errors import (
    AdultsOnly,
    CannotUndo,
    CodeMistyped,
    GiftIsYours,
    GiftNotThere,
    NotEnoughSessions,
    RequestReused,
)
from therapy_credits.models import Account, CareKey, Gift, Kind, Transfer
from therapy_credits.queries.balances import Balance, balance_of
from therapy_credits.services import expiry, gifts
from therapy_credits.services.gifts import Opener
from therapy_credits.services.subjects import own_tokens

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)
SENT = NOW + 30 * MINUTE
FRIEND = "friend-of-the-band@example.org"


@pytest.fixture
def giver() -> Client:
    return make_client("giver", units=3)


@pytest.fixture
def friend() -> Client:
    """Somebody with an account and an age, and nothing else."""
    return make_client("friend", units=0, pool=make_pool("Elsewhere", units=0))


def a_gift(giver: Client, units: int = 1, contact: str = "", **other: object) -> gifts.NewGift:
    request = {"request_id": uuid4(), "at": NOW} | other
    return gifts.give_sessions(user=giver.user, units=units, contact=contact, **request)


def opener(new: gifts.NewGift) -> Opener:
    return Opener(link=gifts.link_secret(new.gift.pk))


def balance(one: Client, at: dt.datetime = NOW) -> Balance:
    return balance_of(own_tokens(one.user), at=at)


def test_a_gift_leaves_the_giver_with_its_terms(giver: Client) -> None:
    new = a_gift(giver, 2)
    has = balance(giver)
    assert (has.left, has.gifted) == (1, 2)
    lot = Account.objects.get(subject=new.gift.subject)
    assert (lot.left, lot.pool_id, lot.priority) == (2, giver.lot.pool_id, giver.lot.priority)
    assert lot.expires_at == giver.lot.expires_at
    assert lot.subject != giver.token


def test_it_draws_down_from_several_lots_and_each_keeps_its_date(giver: Client) -> None:
    give(giver.pool, giver.token, 2, days=40)
    new = a_gift(giver, 4)
    lots = Account.objects.filter(subject=new.gift.subject).order_by("expires_at")
    assert [(lot.left, lot.expires_at) for lot in lots] == [
        (2, NOW + 40 * DAY),
        (2, giver.lot.expires_at),
    ]


def test_what_is_about_to_expire_cannot_be_given() -> None:
    one = make_client("short", units=0)
    give(one.pool, one.token, 1, days=2)
    with pytest.raises(NotEnoughSessions):
        a_gift(one)
    assert balance(one).left == 1


def test_more_than_there_is_cannot_be_given(giver: Client) -> None:
    with pytest.raises(NotEnoughSessions):
        a_gift(giver, 4)
    assert balance(giver).left == 3
    assert not Gift.objects.exists()


def test_gifts_are_for_adults(giver: Client) -> None:
    giver.user.adult_confirmation.delete()
    giver.user.refresh_from_db()
    with pytest.raises(AdultsOnly):
        a_gift(giver)
    assert balance(giver).left == 3


def test_a_double_click_gives_once(giver: Client) -> None:
    request_id = uuid4()
    first = a_gift(giver, request_id=request_id)
    again = a_gift(giver, request_id=request_id)
    assert (first.gift, again.code) == (again.gift, None)
    assert balance(giver).left == 2
    with pytest.raises(RequestReused):
        a_gift(giver, 2, request_id=request_id)


def test_nothing_stored_opens_it(giver: Client) -> None:
    new = a_gift(giver)
    row = str(Gift.objects.filter(pk=new.gift.pk).values())
    assert new.code
    assert new.code not in row
    assert new.link not in row
    assert FRIEND not in str(Gift.objects.filter(pk=a_gift(giver, contact=FRIEND).gift.pk).values())


# --- Undoing -----------------------------------------------------------------------------


def test_undone_within_half_an_hour_all_is_as_before(giver: Client) -> None:
    new = a_gift(giver, 2)
    for _ in range(2):
        gifts.undo_gift(gift=new.gift, at=SENT - MINUTE)
    has = balance(giver)
    assert (has.left, has.gifted) == (3, 0)
    with pytest.raises(GiftNotThere):
        gifts.claim_gift(opener=opener(new), user=UserFactory(), at=SENT)


def test_undone_after_the_lot_was_swept_it_can_be_used_again(giver: Client) -> None:
    new = a_gift(giver, 3)
    Account.objects.filter(pk=giver.lot.pk).update(closed_at=NOW)  # as the sweep of leavers does
    gifts.undo_gift(gift=new.gift, at=SENT - MINUTE)
    assert balance(giver).left == 3


@pytest.mark.parametrize("at", [SENT, SENT + DAY])
def test_never_after_it_is_sent(giver: Client, at: dt.datetime) -> None:
    new = a_gift(giver)
    with pytest.raises(CannotUndo):
        gifts.undo_gift(gift=new.gift, at=at)
    assert balance(giver).left == 2


def test_the_database_undoes_nothing_after_it_is_sent() -> None:
    pool = make_pool(units=0)
    for status, ended_at in [("undone", SENT), ("claimed", SENT - MINUTE), ("sent", SENT)]:
        with pytest.raises(IntegrityError), transaction.atomic():
            GiftFactory(pool=pool, status=status, ended_at=ended_at)
    with pytest.raises(IntegrityError), transaction.atomic():
        GiftFactory(pool=pool, status="sent", sealed_contact="still there")


# --- Sending -----------------------------------------------------------------------------


def test_it_is_sent_after_half_an_hour_once_and_the_address_is_forgotten(giver: Client) -> None:
    new = a_gift(giver, contact=FRIEND)
    assert new.code is None
    gifts.send_due(at=SENT - MINUTE)
    assert not Message.objects.filter(to=FRIEND).exists()
    gifts.send_due(at=SENT)
    gifts.send_due(at=SENT + MINUTE)
    message = Message.objects.get(to=FRIEND)
    assert gifts.link_secret(new.gift.pk) in message.text
    assert Gift.objects.get().sealed_contact == ""


def test_the_mail_says_neither_who_nor_what_nor_from_where(giver: Client) -> None:
    a_gift(giver, contact=FRIEND)
    gifts.send_due(at=SENT)
    message = Message.objects.get(to=FRIEND)
    said = f"{message.subject} {message.text}".casefold()
    for word in ("giver", "programme-nightjar", "pool", "therapy", "session", "health"):
        assert word not in said
    assert message.subject == "Greenroom: something for you"


def test_what_was_undone_is_not_sent(giver: Client) -> None:
    new = a_gift(giver, contact=FRIEND)
    gifts.undo_gift(gift=new.gift, at=NOW + MINUTE)
    gifts.send_due(at=SENT)
    assert not Message.objects.filter(to=FRIEND).exists()


# --- Claiming ----------------------------------------------------------------------------


def test_claimed_it_is_theirs(giver: Client, friend: Client) -> None:
    new = a_gift(giver, 2)
    for _ in range(2):
        gifts.claim_gift(opener=opener(new), user=friend.user, at=SENT)
    has = balance(friend, SENT)
    assert (has.left, has.received, has.allocated) == (2, 2, 0)
    assert has.expires_at == giver.lot.expires_at


def test_a_code_opens_it_too_however_it_is_typed(giver: Client, friend: Client) -> None:
    new = a_gift(giver)
    assert new.code
    typed = gifts.opener_of_code(f"{new.code[:5]}-{new.code[5:]}".lower())
    gifts.claim_gift(opener=typed, user=friend.user, at=SENT)
    assert balance(friend, SENT).left == 1
    with pytest.raises(CodeMistyped):
        gifts.opener_of_code(new.code[:-1] + ("0" if new.code[-1] != "0" else "1"))


def test_two_gifts_of_one_person_do_not_look_alike(giver: Client, friend: Client) -> None:
    for _ in range(2):
        gifts.claim_gift(opener=opener(a_gift(giver)), user=friend.user, at=SENT)
    rows = CareKey.objects.filter(token__in=own_tokens(friend.user))
    received = [row for row in rows if row.token != friend.token]
    assert balance(friend, SENT).left == 2
    assert len({row.person_digest for row in received}) == 2
    assert len({row.person for row in received}) == 2


@pytest.mark.parametrize("state", ["early", "late", "spent", "unknown"])
def test_unknown_spent_early_and_late_are_one_answer(
    giver: Client, friend: Client, state: str
) -> None:
    new = a_gift(giver)
    at = {"early": SENT - MINUTE, "late": NOW + 31 * DAY}.get(state, SENT)
    if state == "spent":
        gifts.claim_gift(opener=opener(new), user=make_client("first", units=0).user, at=SENT)
    held = Opener(link="nobody-made-this") if state == "unknown" else opener(new)
    with pytest.raises(GiftNotThere):
        gifts.claim_gift(opener=held, user=friend.user, at=at)
    assert balance(friend, at).left == 0


@pytest.mark.parametrize("is_claimed", [True, False])
def test_a_giver_learns_nothing_by_opening_it(
    giver: Client, friend: Client, is_claimed: bool
) -> None:
    new = a_gift(giver)
    if is_claimed:
        gifts.claim_gift(opener=opener(new), user=friend.user, at=SENT)
    with pytest.raises(GiftIsYours):
        gifts.claim_gift(opener=opener(new), user=giver.user, at=SENT)


def test_minors_cannot_claim_and_nothing_happens(giver: Client) -> None:
    new = a_gift(giver)
    with pytest.raises(AdultsOnly):
        gifts.claim_gift(opener=opener(new), user=UserFactory(), at=SENT)
    assert Gift.objects.get().ended_at is None


# --- Refused, or claimed by nobody -------------------------------------------------------


def test_refused_it_returns_to_the_pool_and_not_to_the_giver(giver: Client) -> None:
    before = account_of(giver.pool, Kind.POOL).left
    new = a_gift(giver, 2)
    for _ in range(2):
        gifts.refuse_gift(opener=opener(new), user=None, at=SENT)
    assert account_of(giver.pool, Kind.POOL).left == before + 2
    has = balance(giver)
    assert (has.left, has.gifted) == (1, 2)
    assert_books_are_right()


def test_a_giver_cannot_refuse_for_somebody_else(giver: Client, friend: Client) -> None:
    new = a_gift(giver)
    gifts.refuse_gift(opener=opener(new), user=giver.user, at=SENT)
    gifts.claim_gift(opener=opener(new), user=friend.user, at=SENT)
    assert balance(friend, SENT).left == 1


def test_what_nobody_claims_returns_to_the_pool_after_thirty_days(giver: Client) -> None:
    before = account_of(giver.pool, Kind.POOL).left
    a_gift(giver)
    assert gifts.expire_gifts(at=NOW + 29 * DAY) == 0
    assert gifts.expire_gifts(at=NOW + 30 * DAY) == 1
    assert gifts.expire_gifts(at=NOW + 31 * DAY) == 0
    assert account_of(giver.pool, Kind.POOL).left == before + 1


def test_it_returns_before_its_sessions_expire() -> None:
    one = make_client("soon", units=0)
    give(one.pool, one.token, 1, days=10)
    a_gift(one)
    gifts.expire_gifts(at=NOW + 9 * DAY)
    expiry.expire_lots(at=NOW + 10 * DAY)
    assert account_of(one.pool, Kind.EXPIRED).left == 0
    assert Transfer.objects.get(code="GIFT_EXPIRED").amount == 1


# --- In the browser ----------------------------------------------------------------------


def browser_of(user: object) -> Browser:
    browser = Browser()
    browser.force_login(user, backend="accounts.adapters.SignInBackend")
    return browser


def text(response: object) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def test_from_giving_to_claiming_in_two_browsers(giver: Client, friend: Client) -> None:
    with time_machine.travel(NOW, tick=False):
        mine = browser_of(giver.user)
        answer = mine.post(
            reverse("therapy_credits:gift"), {"units": "2", "contact": "", "request_id": uuid4()}
        )
        assert answer.status_code == 302
        page = text(mine.get(reverse("therapy_credits:gift")))
        link = re.search(r"http[^\"]+/care/claim/[\w-]+/", page).group(0)
        assert "Undo" in page
        mine.post(reverse("therapy_credits:gift-done"))
        assert link not in text(mine.get(reverse("therapy_credits:gift")))
    with time_machine.travel(SENT, tick=False):
        assert "Undo" not in text(mine.get(reverse("therapy_credits:gift")))
        theirs = Browser()
        opened = theirs.get(link[link.index("/care/") :])
        assert opened["Location"] == "/care/claim/"
        page = text(theirs.get("/care/claim/"))
        assert "It is free" in page
        assert "You can say no" in page
        for word in ("Programme-Nightjar", "Pool of"):
            assert word not in page
        asked = theirs.post("/care/claim/", {"action": "accept"})
        assert asked["Location"] == "/accounts/login/?next=/care/claim/"
        theirs.force_login(friend.user, backend="accounts.adapters.SignInBackend")
        assert theirs.post("/care/claim/", {"action": "accept"})["Location"] == "/care/"
        assert "2 left" in text(theirs.get("/care/"))
        given = text(mine.get(reverse("therapy_credits:gift")))
        assert "Given" in given
        assert "laimed" not in given


def test_a_giver_sees_where_it_goes_until_it_is_sent(giver: Client) -> None:
    browser, url = browser_of(giver.user), reverse("therapy_credits:gift")
    form = {"units": "1", "contact": "mistyped@example.org", "request_id": uuid4()}
    with time_machine.travel(NOW, tick=False):
        page = text(browser.post(url, form, follow=True))
    assert "Look below whether the address is right." in page
    assert "goes to mistyped@example.org" in page
    gifts.send_due(at=SENT)
    with time_machine.travel(SENT, tick=False):
        assert "mistyped@example.org" not in text(browser.get(url))


def test_an_answer_that_comes_too_late_or_twice_says_what_to_do(friend: Client) -> None:
    page = text(browser_of(friend.user).post("/care/claim/", {"action": "accept"}))
    assert "open the link or type the code once more." in page


def test_the_page_of_a_gift_is_the_same_whatever_became_of_it(
    giver: Client, friend: Client
) -> None:
    new = a_gift(giver)

    def page_of(link: str) -> str:
        browser = Browser()
        browser.get(reverse("therapy_credits:claim-link", args=[link]))
        return re.sub(r'csrfmiddlewaretoken" value="\w+"', "", text(browser.get("/care/claim/")))

    with time_machine.travel(SENT, tick=False):
        link = gifts.link_secret(new.gift.pk)
        fresh = page_of(link)
        gifts.claim_gift(opener=opener(new), user=friend.user, at=SENT)
        assert page_of(link) == fresh == page_of("a-link-that-never-was")


def test_too_much_is_told_with_help_and_what_was_typed_stays(giver: Client) -> None:
    with time_machine.travel(NOW, tick=False):
        page = text(
            browser_of(giver.user).post(
                reverse("therapy_credits:gift"),
                {"units": "9", "contact": "me@example.org", "request_id": uuid4()},
            )
        )
    assert "You have 3 that can be given." in page
    assert "me@example.org" in page
    assert not Gift.objects.exists()


def test_codes_of_gifts_cannot_be_guessed_for_long(giver: Client) -> None:
    code = a_gift(giver).code
    browser = Browser()
    with time_machine.travel(SENT, tick=False):
        answers = [
            browser.post("/care/claim/", {"action": "code", "code": code}) for _ in range(21)
        ]
    assert [answer.status_code for answer in answers] == [302] * 20 + [200]
    assert "Too many codes" in text(answers[-1])


# --- Two hands at once -------------------------------------------------------------------


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_claiming_races_undoing_and_one_of_them_has_it() -> None:
    giver, friend = make_client("giver", units=1), make_client("friend", units=0)
    new = a_gift(giver)
    answers = at_once(
        lambda: gifts.undo_gift(gift=new.gift, at=SENT - dt.timedelta(seconds=1)),
        lambda: gifts.claim_gift(opener=opener(new), user=friend.user, at=SENT),
    )
    has = (balance(giver, SENT).left, balance(friend, SENT).left)
    assert has in [(1, 0), (0, 1)]
    assert sum(isinstance(answer, Gift) for answer in answers) == 1
    assert CannotUndo in answers or GiftNotThere in answers
    assert_books_are_right()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_both_would_believe_they_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    giver, friend = make_client("giver", units=1), make_client("friend", units=0)
    new = a_gift(giver)
    monkeypatch.setattr(gifts, "_lock", lambda pk: Gift.objects.get(pk=pk))
    monkeypatch.setattr(
        gifts,
        "_find",
        lambda opener: Gift.objects.get(link_digest=gifts._link_digest(opener.link)),
    )
    late, original = [], gifts.ledger.undo_gift

    def undo_late(**facts: object) -> int:
        late.append(gifts.claim_gift(opener=opener(new), user=friend.user, at=SENT))
        return original(**facts)

    monkeypatch.setattr(gifts.ledger, "undo_gift", undo_late)
    gifts.undo_gift(gift=new.gift, at=SENT - MINUTE)
    assert late
    assert balance(giver, SENT).left == 1
    assert Gift.objects.get().status == "undone"
    assert new.gift.subject in own_tokens(friend.user), "claimed, and nothing is in it"
