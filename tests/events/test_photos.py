"""A photograph in place of the drawn picture of an event."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import User
from common.pictures import NotAPicture, photograph
from events.models import Event, EventPhoto, Occurrence, Question
from events.services.events import copy_event, set_photo, share_draft
from tests.conftest import NOW
from tests.events.conftest import publish
from tests.events.test_pages import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Iterator[None]:
    settings.REQUIRE_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


def image(size: tuple[int, int] = (60, 40), form: str = "JPEG", **extra: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA" if form == "PNG" else "RGB", size, "#1d5c46").save(out, form, **extra)
    return out.getvalue()


def show(event: Event, actor: User) -> Event:
    return set_photo(event=event, content=photograph(image()), alt="A lamp", actor=actor, at=NOW)


def test_a_photograph_is_made_small_and_upright_and_says_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "Phone of Ana"
    kept = Image.open(io.BytesIO(photograph(image((3200, 1200), exif=exif))))
    assert (kept.format, kept.size) == ("JPEG", (600, 1600))
    assert dict(kept.getexif()) == {}
    assert Image.open(io.BytesIO(photograph(image(form="PNG")))).size == (60, 40)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a",
        image()[:200],
        image(form="BMP"),
    ],
)
def test_what_is_no_photograph_is_refused(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        photograph(data)


def test_a_picture_as_large_as_a_house_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(NotAPicture):
        photograph(image((10_000, 6_000), form="PNG"))


def test_a_coordinator_brings_a_photograph_and_takes_it_away(
    circle: Occurrence, coordinator: User, settings: Any
) -> None:
    event, client = circle.event, signed_in(coordinator)
    path = f"/staff/events/{event.slug}/photo/"
    wrong = SimpleUploadedFile("a.jpg", b"not a picture")
    assert "no picture we can read" in client.post(path, {"file": wrong}).text
    assert not EventPhoto.objects.exists()
    file = SimpleUploadedFile("a.png", image(form="PNG"), "image/png")
    client.post(path, {"file": file, "alt": "A lamp on a stage"})
    event.refresh_from_db()
    assert (event.version, event.photo_alt) == (1, "A lamp on a stage")
    page = Client().get(circle.page_path).text
    assert f'<img src="{event.photo_path}" alt="A lamp on a stage">' in page
    assert f'<meta property="og:image" content="{settings.BASE_URL}{event.photo_path}">' in page
    assert event.photo_path in Client().get("/events/").text
    answer = Client().get(event.photo_path)
    assert (answer["Content-Type"], answer.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert answer["Cache-Control"] == "public, max-age=31536000"
    client.post(path, {"act": "remove"})
    assert Client().get(event.photo_path).status_code == 404
    assert not EventPhoto.objects.exists()


def test_a_photograph_is_seen_by_whoever_may_see_the_page(
    circle: Occurrence, coordinator: User, outsider: User
) -> None:
    event = show(circle.event, coordinator)
    publish(circle, visibility="ambassadors")
    assert signed_in(outsider).get(event.photo_path).status_code == 404
    theirs = signed_in(coordinator).get(event.photo_path)
    assert theirs["Cache-Control"] == "private, max-age=31536000"
    publish(circle, visibility="public", status="draft", published_at=None)
    assert Client().get(event.photo_path).status_code == 404
    assert signed_in(coordinator).get(event.photo_path).status_code == 200
    share_draft(event=event, is_shared=True, actor=coordinator, at=NOW)
    assert Client().get(event.photo_path).status_code == 200


def test_a_copy_says_and_asks_and_shows_the_same(circle: Occurrence, coordinator: User) -> None:
    event = show(circle.event, coordinator)
    publish(circle, needs_approval=True, survey="short", reminder_hours=[48])
    event.refresh_from_db()
    Question.objects.create(event=event, text="Steps?", is_care=True)
    Question.objects.create(event=event, text="Old", is_asked=False)
    copied = copy_event(event=event, actor=coordinator, at=NOW)
    assert (copied.needs_approval, copied.survey, copied.reminder_hours) == (True, "short", [48])
    assert [(one.text, one.is_care) for one in copied.questions.all()] == [("Steps?", True)]
    assert (copied.photo_alt, bytes(copied.photo.content)) == ("A lamp", photograph(image()))
    assert event.questions.count() == 2
