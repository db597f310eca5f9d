"""Mail is a row in the transaction of the change it tells about."""

from __future__ import annotations

import datetime as dt
import email
from email import policy
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from notifications.domain import Attachment
from notifications.models import Message, MessageStatus, Purge
from notifications.services import messages
from notifications.tasks import send_messages
from tests.conftest import NOW
from tests.notifications.conftest import Queue


def test_a_message_is_rendered_when_it_is_promised(queue: Queue, letters: Path) -> None:
    message = queue("k", word="Ann & Bob")
    (letters / "letter.txt").write_text("Something else")

    assert message.subject == "Ann & Bob"
    assert message.text.startswith(
        "Dear Ann & Bob,\n\nCome.\n\nhttps://example.org/x?a=1&b=2\n\n-- "
    )
    assert "<p>Dear Ann &amp; Bob,</p>" in message.html
    assert 'class="button" href="https://example.org/x?a=1&amp;b=2"' in message.html


def test_what_a_person_typed_is_not_html_in_the_mail(queue: Queue) -> None:
    message = queue("k", word="<img src=x>")

    assert "<img" not in message.html
    assert "&lt;img src=x&gt;" in message.html
    assert "Dear <img src=x>," in message.text


def test_a_mail_is_in_the_nearest_language_and_runs_as_it_is_read(
    db: None, letters: Path, mail: Path
) -> None:
    for key, language, shown in [("1", "ar", "rtl"), ("2", "pt", "ltr"), ("3", "hi", "ltr")]:
        messages.queue_message(
            key=key,
            to="you@example.org",
            template="letter",
            context={"word": "\u2068Ann\u2069"},
            language=language,
            at=NOW,
        )
        message = Message.objects.get(key=key)
        nearest = {"hi": "en", "pt": "pt-br"}.get(language, language)
        assert f'<html lang="{nearest}" dir="{shown}">' in message.html
        # An address runs as addresses do, and a subject has no marks that a list would show.
        assert '<p class="address" dir="ltr">https://example.org/' in message.html
        assert (message.language, message.subject) == (nearest, "Ann")
    send_messages()
    sent = email.message_from_bytes((mail / "1.eml").read_bytes(), policy=policy.default)
    assert sent["Content-Language"] == "ar"


def test_a_line_break_in_a_subject_cannot_add_a_header(queue: Queue, mail: Path) -> None:
    message = queue("k", word="Hello\r\nBcc: thief@example.org")
    send_messages()

    assert message.subject == "Hello Bcc: thief@example.org"
    sent = email.message_from_bytes((mail / "k.eml").read_bytes(), policy=policy.default)
    assert sent["Bcc"] is None


def test_the_same_key_is_the_same_message(queue: Queue) -> None:
    first, again = queue("k", word="first"), queue("k", word="second")

    assert again.pk == first.pk
    assert Message.objects.get().subject == "first"


def test_a_queued_message_is_sent_once(queue: Queue, mail: Path) -> None:
    message = queue("welcome:1", word="Ann")

    assert send_messages() == 1
    assert send_messages() == 0
    message.refresh_from_db()
    assert (message.status, message.attempts) == (MessageStatus.SENT, 1)
    sent = email.message_from_bytes((mail / "welcome%3A1.eml").read_bytes(), policy=policy.default)
    assert sent["Message-ID"] == message.message_id
    assert sent["To"] == "you@example.org"
    assert sent["From"] == "Greenroom <hello@greenroom.example>"
    assert sent["Subject"] == "Ann"
    body = sent.get_body(("plain",))
    assert body is not None
    assert body.get_content().startswith("Dear Ann,")


def test_files_travel_with_the_message(queue: Queue, mail: Path) -> None:
    queue("k", attachments=[Attachment("invite.ics", "text/calendar", b"BEGIN:VCALENDAR\r\n")])
    send_messages()

    sent = email.message_from_bytes((mail / "k.eml").read_bytes(), policy=policy.default)
    (file,) = sent.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("invite.ics", "text/calendar")
    assert "BEGIN:VCALENDAR" in str(file.get_content())


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_sends_nothing(queue: Queue, mail: Path) -> None:
    with transaction.atomic():
        queue("rolled-back")
        transaction.set_rollback(True)
    queue("committed")

    assert send_messages() == 1
    assert [file.name for file in mail.iterdir()] == ["committed.eml"]


def test_the_folder_takes_a_key_once_however_often_it_is_handed_over(
    queue: Queue, mail: Path, now: dt.datetime
) -> None:
    message = queue("k", word="first")
    send_messages()
    before = (mail / "k.eml").read_bytes()
    # A sender died after handing over and before writing it down.
    Message.objects.update(
        status=MessageStatus.SENDING, sent_at=None, next_attempt_at=now, subject="other"
    )

    assert send_messages() == 1
    message.refresh_from_db()
    assert message.status == MessageStatus.SENT
    assert (mail / "k.eml").read_bytes() == before
    assert len(list(mail.iterdir())) == 1


def test_what_another_sender_holds_is_left_alone_until_its_lease_ends(
    queue: Queue, now: dt.datetime
) -> None:
    queue("k")
    (taken,) = messages.claim(limit=10, at=now)

    assert messages.claim(limit=10, at=now + messages.LEASE - dt.timedelta(seconds=1)) == []
    assert messages.claim(limit=10, at=now + messages.LEASE) == [taken]


def test_a_refused_message_waits_longer_each_time_and_is_given_up_in_the_end(
    queue: Queue, now: dt.datetime
) -> None:
    message = queue("k")
    at = now
    for attempt in range(1, messages.ATTEMPTS + 1):
        (taken,) = messages.claim(limit=10, at=at)
        messages.record_failed(message=taken, reason="451 later", is_final=False, at=at)
        message.refresh_from_db()
        assert message.attempts == attempt
        assert message.next_attempt_at - at <= min(
            messages.FIRST_DELAY * 2**attempt, messages.LONGEST_DELAY
        )
        at = message.next_attempt_at

    assert (message.status, message.last_error) == (MessageStatus.DEAD, "451 later")
    assert messages.claim(limit=10, at=at + dt.timedelta(days=30)) == []


def test_an_address_that_does_not_exist_is_given_up_at_once(queue: Queue, now: dt.datetime) -> None:
    queue("k")
    (taken,) = messages.claim(limit=10, at=now)
    messages.record_failed(message=taken, reason="550", is_final=True, at=now)

    assert Message.objects.get().status == MessageStatus.DEAD


def test_the_wait_is_spread_over_its_whole_range() -> None:
    waits = [messages.delay(3) / (messages.FIRST_DELAY * 8) for _ in range(2000)]

    assert 0 <= min(waits) < 0.05
    assert 0.95 < max(waits) < 1
    assert 0.45 < sum(waits) / len(waits) < 0.55


def test_contents_are_deleted_after_thirty_days_and_a_row_proves_it(
    queue: Queue, mail: Path, now: dt.datetime
) -> None:
    old, waiting, fresh = queue("old"), queue("waiting"), queue("fresh")
    Message.objects.filter(pk__in=[old.pk, fresh.pk]).update(status="sent", sent_at=now)
    Message.objects.filter(pk=fresh.pk).update(queued_at=now + dt.timedelta(days=2))
    later = now + dt.timedelta(days=30, seconds=1)

    messages.purge_contents(at=later)

    for message in (old, waiting, fresh):
        message.refresh_from_db()
    assert (old.to, old.subject, old.text, old.html, old.purged_at) == ("", "", "", "", later)
    assert "Dear you" in fresh.text
    assert "Dear you" in waiting.text
    proof = Purge.objects.get()
    assert (proof.what, proof.rows, proof.at) == ("mail contents", 1, later)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"status": "lost"}, "message_status_is_known"),
        ({"status": "sent"}, "message_sent_has_a_time"),
        ({"status": "dead", "purged_at": "2026-06-03T12:00Z"}, "message_purged_holds_nothing"),
    ],
)
def test_the_database_refuses_a_message_that_makes_no_sense(
    queue: Queue, change: dict[str, str], constraint: str
) -> None:
    queue("k")
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Message.objects.update(**change)


def test_the_database_refuses_a_second_message_of_one_key(queue: Queue) -> None:
    message = queue("k")
    message.pk = None
    message.message_id = "<other@greenroom.example>"
    with pytest.raises(IntegrityError, match="key"), transaction.atomic():
        message.save(force_insert=True)
