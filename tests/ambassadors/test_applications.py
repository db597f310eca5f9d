"""Coming in by application: whether one can, the draft, blind reading, deciding, telling."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from ambassadors import errors, queries
from ambassadors.domain.files import LARGEST_BYTES
from ambassadors.models import (
    AdultConfirmation,
    Application,
    Attachment,
    Enrolment,
    Review,
    Round,
    Term,
)
from ambassadors.queries import applications as reads
from ambassadors.services import applications, decisions, rounds
from notifications.models import Message, Purge
from tests.ambassadors.rounds import (
    CLOSES_AT,
    PDF,
    PNG,
    make_application,
    make_round,
    question,
    review,
)
from tests.conftest import NOW, make_user
from tests.factories import EnrolmentFactory

LATER = CLOSES_AT + dt.timedelta(days=1)
ANNOUNCED = CLOSES_AT + dt.timedelta(days=7)
HIDDEN = ("Zqstagezq", "zqlinkzq", "Zqbandzq", "zquserzq@example.org")


@pytest.fixture(autouse=True)
def _at_noon(settings: object) -> object:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def reader(db: None) -> User:
    """Was asked to read applications; has no role."""
    return make_user("reader")


@pytest.fixture
def round(term: Term, reader: User) -> Round:
    return make_round(term, reader, make_user("second"))


@pytest.fixture
def sent(round: Round) -> Application:
    return make_application(round, user=make_user("zquserzq"))


def decide(application: Application, by: User, status: str = "approved", **fields: object) -> None:
    decisions.decide_application(
        application=application,
        status=status,
        reason="fits",
        note="",
        seen_version=fields.pop("seen_version", application.version),  # type: ignore[arg-type]
        by=by,
        at=LATER,
    )
    application.refresh_from_db()


# --- Whether one can --------------------------------------------------------------


def test_somebody_who_cannot_apply_learns_it_at_once_and_nothing_is_kept(
    client: Client, round: Round, attendee: User
) -> None:
    client.force_login(attendee)
    answer = {f"q{question(round, 'eligibility').pk}": "no", "is_adult": "yes"}
    page = client.post("/programmes/open-door/apply/", answer)
    assert "This term is for people in the United Kingdom." in page.content.decode()
    assert not Application.objects.exists()
    assert not AdultConfirmation.objects.exists()


def test_somebody_under_18_sees_help_and_leaves_no_trace(
    client: Client, round: Round, attendee: User
) -> None:
    client.force_login(attendee)
    answer = {f"q{question(round, 'eligibility').pk}": "yes", "is_adult": "no"}
    page = client.post("/programmes/open-door/apply/", answer)
    assert page.templates[0].name == "ambassadors/under_18.html"
    assert not Application.objects.exists()


def test_whoever_can_apply_begins_after_signing_in(
    client: Client, round: Round, attendee: User
) -> None:
    answer = {f"q{question(round, 'eligibility').pk}": "yes", "is_adult": "yes"}
    to_sign_in = client.post("/programmes/open-door/apply/", answer)
    assert to_sign_in["Location"].startswith("/accounts/signup/?next=/programmes/open-door/apply/")
    session = dict(client.session)
    client.force_login(attendee)
    kept = client.session
    kept.update({"can_apply": session["can_apply"]})
    kept.save()
    assert "Begin" in client.get("/programmes/open-door/apply/").content.decode()
    begun = client.post("/programmes/open-door/apply/", {"round": round.pk})
    application = Application.objects.get(user=attendee)
    assert begun["Location"] == f"/me/applications/{application.pk}/"
    assert AdultConfirmation.objects.filter(user=attendee).exists()


@pytest.mark.parametrize("moment", [NOW - dt.timedelta(days=2), CLOSES_AT])
def test_nobody_applies_before_it_opens_or_from_the_moment_it_closes(
    round: Round, attendee: User, moment: dt.datetime
) -> None:
    with pytest.raises(errors.RoundNotOpen):
        applications.begin_application(round=round, user=attendee, is_adult=True, at=moment)
    assert not Application.objects.exists()


def test_whoever_is_in_the_term_does_not_apply_to_it(round: Round, ambassador: User) -> None:
    with pytest.raises(errors.AlreadyEnrolled):
        applications.begin_application(round=round, user=ambassador, is_adult=True, at=NOW)


def test_the_times_on_the_page_are_those_of_the_rounds_zone(client: Client, round: Round) -> None:
    page = client.get("/programmes/open-door/").content.decode()
    assert "17 June 2026, 08:00 (America/New_York)" in page


# --- The draft ----------------------------------------------------------------------


def test_a_draft_is_saved_however_empty_and_sent_only_when_whole(
    client: Client, round: Round, attendee: User
) -> None:
    mine = applications.begin_application(round=round, user=attendee, is_adult=True, at=NOW)
    client.force_login(attendee)
    url = f"/me/applications/{mine.pk}/"
    assert client.post(url, {"name": "", "save": "yes"}).status_code == 302
    incomplete = client.post(url, {"name": "Ada", "send": "yes"})
    assert incomplete.status_code == 422
    mine.refresh_from_db()
    assert (mine.status, mine.name) == ("draft", "Ada")
    words = {f"q{question(round, 'long').pk}": "Company.", "name": "アダ", "send": "yes"}
    assert client.post(url, words).status_code == 302
    mine.refresh_from_db()
    assert (mine.status, mine.name, mine.submitted_at) == ("submitted", "アダ", NOW)
    mail = Message.objects.get(key__startswith="application-received:")
    assert mail.subject == "Your application is here"
    assert queries.needs_you(attendee, at=NOW) == []


def test_a_link_that_is_no_link_is_refused_and_the_rest_is_kept(
    client: Client, round: Round, attendee: User
) -> None:
    mine = applications.begin_application(round=round, user=attendee, is_adult=True, at=NOW)
    client.force_login(attendee)
    data = {"name": "Ada", f"q{question(round, 'link').pk}": "javascript:alert(1)", "save": "yes"}
    page = client.post(f"/me/applications/{mine.pk}/", data)
    assert page.status_code == 422
    mine.refresh_from_db()
    assert mine.answers == {}


def test_a_file_is_added_replaced_read_by_its_owner_and_removed(
    client: Client, round: Round, attendee: User
) -> None:
    mine = applications.begin_application(round=round, user=attendee, is_adult=True, at=NOW)
    client.force_login(attendee)
    asks = question(round, "file")
    url = f"/me/applications/{mine.pk}/answers/{asks.pk}/file/"
    for content, name in ((PDF, "me.pdf"), (PNG, "me.png")):
        file = SimpleUploadedFile(name, content, content_type="text/html")
        assert client.post(url, {f"f{asks.pk}-file": file}).status_code == 302
    attachment = Attachment.objects.get()
    assert (attachment.kind, attachment.name) == ("png", "me.png")
    read = client.get(f"/me/applications/{mine.pk}/files/{attachment.pk}/")
    assert read["Content-Type"] == "image/png"
    assert read["Content-Disposition"] == 'attachment; filename="me.png"'
    assert read["X-Content-Type-Options"] == "nosniff"
    client.post(f"/me/applications/{mine.pk}/files/{attachment.pk}/remove/")
    assert not Attachment.objects.exists()


def test_a_page_dressed_up_as_a_picture_is_refused(
    client: Client, round: Round, attendee: User
) -> None:
    mine = applications.begin_application(round=round, user=attendee, is_adult=True, at=NOW)
    client.force_login(attendee)
    asks = question(round, "file")
    file = SimpleUploadedFile("me.png", b"<html>", content_type="image/png")
    url = f"/me/applications/{mine.pk}/answers/{asks.pk}/file/"
    page = client.post(url, {f"f{asks.pk}-file": file})
    assert page.status_code == 422
    assert "not a whole PDF" in page.content.decode()
    with pytest.raises(errors.FileTooLarge):
        applications.attach_file(
            application=mine,
            question=asks,
            name="big.pdf",
            content=b"x" * (LARGEST_BYTES + 1),
            at=NOW,
        )
    assert not Attachment.objects.exists()


def test_what_was_sent_can_be_changed_while_open_and_reviews_of_it_go(
    round: Round, sent: Application, reader: User
) -> None:
    review(sent, reader, 4)
    applications.reopen_application(application=sent, at=NOW)
    sent.refresh_from_db()
    assert (sent.status, sent.reviews.count()) == ("draft", 0)
    with pytest.raises(errors.RoundNotOpen):
        applications.submit_application(application=sent, at=CLOSES_AT)


def test_an_application_is_one_persons_own(client: Client, sent: Application) -> None:
    client.force_login(make_user("nosy"))
    assert client.get(f"/me/applications/{sent.pk}/").status_code == 404
    assert client.post(f"/me/applications/{sent.pk}/withdraw/").status_code == 404


# --- Reading without names ------------------------------------------------------------


def test_reviewers_and_coordinators_see_no_name_before_the_decision(
    client: Client, round: Round, sent: Application, reader: User, coordinator: User
) -> None:
    applications.reopen_application(application=sent, at=NOW)
    attachment = applications.attach_file(
        application=sent,
        question=question(round, "file"),
        name="Zqstagezq.pdf",
        content=PDF,
        at=NOW,
    )
    applications.submit_application(application=sent, at=NOW)
    seen = []
    for user, urls in (
        (reader, [f"/reviews/rounds/{round.pk}/", f"/reviews/{sent.pk}/"]),
        (
            coordinator,
            [
                f"/staff/rounds/{round.pk}/",
                f"/staff/rounds/{round.pk}/?q=zqstagezq",
                f"/staff/applications/{sent.pk}/",
            ],
        ),
    ):
        client.force_login(user)
        seen += [client.get(url).content.decode() for url in urls]
    for page in seen:
        text = page.casefold().replace("zqstagezq&quot;", "").replace('value="zqstagezq"', "")
        for words in HIDDEN:
            assert words.casefold() not in text
    assert "Someone to call after the show." in seen[1]
    assert sent.reference in seen[1]
    client.force_login(reader)
    file = client.get(f"/reviews/files/{attachment.pk}/")
    assert file["Content-Disposition"] == f'attachment; filename="{sent.reference}.pdf"'


def test_a_decision_shows_the_name_to_those_who_decide(
    client: Client, sent: Application, coordinator: User
) -> None:
    decide(sent, coordinator)
    client.force_login(coordinator)
    page = client.get(f"/staff/applications/{sent.pk}/").content.decode()
    assert "Zqstagezq" in page
    assert "zqlinkzq" in page


def test_others_reviews_show_once_ones_own_is_kept(
    client: Client, round: Round, sent: Application, reader: User
) -> None:
    second = User.objects.get(email="second@example.org")
    other = review(sent, second, 2)
    other.comment = "Zqcommentzq"
    other.save()
    client.force_login(reader)
    url = f"/reviews/{sent.pk}/"
    page = client.get(url).content.decode()
    assert "Zqcommentzq" not in page
    assert "Worried about whoever wrote this?" in page
    assert "mailto:programme@example.org" in page
    need, fit = round.criteria.order_by("position")
    data = {f"c{need.pk}": 5, f"c{fit.pk}": 2, "advice": "yes", "comment": "Clear."}
    client.post(url, data)
    assert "Zqcommentzq" in client.get(url).content.decode()
    mine = Review.objects.get(reviewer=reader)
    assert (mine.score, mine.advice) == (Decimal("4.00"), "yes")  # (2 × 5 + 1 × 2) / 3


def test_who_knows_the_person_steps_aside_and_sees_it_no_more(
    client: Client, sent: Application, reader: User
) -> None:
    client.force_login(reader)
    client.post(f"/reviews/{sent.pk}/step-aside/")
    assert client.get(f"/reviews/{sent.pk}/").status_code == 404
    assert queries.needs_you(reader, at=NOW) == []
    with pytest.raises(errors.IllegalMove):
        decisions.save_review(
            application=sent, reviewer=reader, scores={}, advice="yes", comment="", at=NOW
        )


def test_nobody_reads_or_decides_their_own(round: Round, coordinator: User) -> None:
    own = make_application(round, user=coordinator)
    assert not Application.objects.run_by(coordinator, at=NOW).exists()
    with pytest.raises(errors.IllegalMove):
        decide(own, coordinator)
    with pytest.raises(errors.AppliesThemselves):
        rounds.add_reviewer(round=round, email=coordinator.email, by=coordinator, at=NOW)


def test_drafts_are_nobodys_to_read(round: Round, attendee: User, coordinator: User) -> None:
    applications.begin_application(round=round, user=attendee, is_adult=True, at=NOW)
    assert not Application.objects.run_by(coordinator, at=NOW).exists()


# --- Deciding and telling ---------------------------------------------------------------


def test_nobody_learns_a_decision_before_the_stated_time(
    client: Client, round: Round, sent: Application, coordinator: User
) -> None:
    decide(sent, coordinator)
    client.force_login(sent.user)
    page = client.get(f"/me/applications/{sent.pk}/").content.decode()
    assert "There is a place for you" not in page
    assert not Enrolment.objects.filter(user=sent.user).exists()
    decisions.set_announcement(round=round, announce_at=ANNOUNCED, by=coordinator, at=LATER)
    assert decisions.announce_due(limit=10, at=ANNOUNCED - dt.timedelta(seconds=1)) == 0
    assert decisions.announce_due(limit=10, at=ANNOUNCED) == 1
    assert decisions.announce_due(limit=10, at=ANNOUNCED) == 0
    mail = Message.objects.get(key__startswith="application-decided:")
    assert (mail.subject, mail.to) == ("About your application", sent.user.email)
    assert "approved" not in mail.text.casefold()
    enrolment = Enrolment.objects.get(user=sent.user)
    steps = enrolment.changes.order_by("pk").values_list("to_status", flat=True)
    assert (enrolment.status, list(steps)) == ("approved", ["applied", "approved"])
    page = client.get(f"/me/applications/{sent.pk}/").content.decode()
    assert "There is a place for you" in page


def decided_after_an_enrolment(sent: Application, coordinator: User, removed_by: User) -> Enrolment:
    """Invited while the application was read, and out again before the decision is told."""
    enrolment = EnrolmentFactory(term=sent.round.term, user=sent.user, status="invited")
    Enrolment.objects.update(status="removed", status_by=removed_by, status_at=LATER)
    decide(sent, coordinator)
    decisions.set_announcement(round=sent.round, announce_at=LATER, by=coordinator, at=LATER)
    decisions.announce_due(limit=10, at=ANNOUNCED)
    enrolment.refresh_from_db()
    return enrolment


def test_a_yes_lets_in_who_had_said_no_to_an_invitation_meanwhile(
    sent: Application, coordinator: User
) -> None:
    enrolment = decided_after_an_enrolment(sent, coordinator, removed_by=sent.user)
    assert (enrolment.status, enrolment.status_reason) == ("onboarding", "reinstated")


def test_a_yes_does_not_let_in_whom_a_coordinator_removed_meanwhile(
    sent: Application, coordinator: User
) -> None:
    enrolment = decided_after_an_enrolment(sent, coordinator, removed_by=coordinator)
    assert enrolment.status == "removed"


def test_a_sensitive_programme_is_not_named_in_its_mails(
    round: Round, term: Term, coordinator: User
) -> None:
    term.programme.is_sensitive = True
    term.programme.save()
    decide(make_application(round), coordinator)
    decisions.set_announcement(round=round, announce_at=ANNOUNCED, by=coordinator, at=LATER)
    decisions.announce_due(limit=10, at=ANNOUNCED)
    mails = "".join(mail.subject + mail.text for mail in Message.objects.all())
    assert "Open Door" not in mails


def test_what_people_were_told_stands_even_against_hand_written_sql(
    round: Round, sent: Application, coordinator: User
) -> None:
    decide(sent, coordinator, "declined")
    decisions.set_announcement(round=round, announce_at=ANNOUNCED, by=coordinator, at=LATER)
    decisions.announce_due(limit=10, at=ANNOUNCED)
    sent.refresh_from_db()
    with pytest.raises(errors.NotDecidable):
        decide(sent, coordinator, "approved")
    with pytest.raises(DatabaseError), transaction.atomic():
        Application.objects.filter(pk=sent.pk).update(status="approved")


def test_a_place_on_the_waiting_list_becomes_a_yes_later(
    round: Round, sent: Application, coordinator: User
) -> None:
    decide(sent, coordinator, "waitlisted")
    decisions.set_announcement(round=round, announce_at=ANNOUNCED, by=coordinator, at=LATER)
    decisions.announce_due(limit=10, at=ANNOUNCED)
    sent.refresh_from_db()
    decide(sent, coordinator, "approved")
    assert decisions.announce_due(limit=10, at=ANNOUNCED + dt.timedelta(days=3)) == 1
    assert Message.objects.filter(key__startswith="application-decided:").count() == 2
    assert Enrolment.objects.get(user=sent.user).status == "approved"


def test_no_more_are_approved_than_there_are_places(
    round: Round, term: Term, coordinator: User
) -> None:
    EnrolmentFactory(term=term)
    term.capacity = 2
    term.save()
    first, second = make_application(round), make_application(round)
    decide(first, coordinator)
    with pytest.raises(errors.TermFull):
        decide(second, coordinator)
    with pytest.raises(errors.TermFull):
        decisions.decide_many(
            applications=Application.objects.all(),
            round=round,
            status="approved",
            reason="fits",
            by=coordinator,
            at=LATER,
        )
    second.refresh_from_db()
    assert second.status == "submitted"


def test_several_are_decided_after_a_look_at_what_it_would_do(
    client: Client, round: Round, coordinator: User
) -> None:
    people = [make_application(round) for _ in range(3)]
    decide(people[0], coordinator, "approved")
    client.force_login(coordinator)
    url = f"/staff/rounds/{round.pk}/decide/"
    data = {"which": "all", "status": "declined", "reason": "no_places"}
    page = client.post(url, data)
    assert "2 applications: Decline" in page.content.decode()
    assert Application.objects.filter(status="declined").count() == 0
    client.post(url, {**data, "confirmed": "yes"})
    assert Application.objects.filter(status="declined", reason="no_places").count() == 2
    people[0].refresh_from_db()
    assert people[0].status == "approved"


def test_only_those_ticked_are_decided(client: Client, round: Round, coordinator: User) -> None:
    first, second = make_application(round), make_application(round)
    client.force_login(coordinator)
    data = {"which": "ticked", "ticked": [first.pk], "status": "waitlisted", "reason": "no_places"}
    client.post(f"/staff/rounds/{round.pk}/decide/", {**data, "confirmed": "yes"})
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("waitlisted", "submitted")


def test_a_decision_about_what_one_did_not_see_is_refused(
    sent: Application, coordinator: User
) -> None:
    decide(sent, coordinator, "declined")
    with pytest.raises(errors.DecidedMeanwhile):
        decide(sent, coordinator, "approved", seen_version=0)
    assert sent.status == "declined"


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "approved"},
        {"status": "lost"},
        {"announced_at": NOW},
        {"submitted_at": None},
    ],
)
def test_the_database_refuses_an_application_that_cannot_be(
    sent: Application, fields: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(pk=sent.pk).update(**fields)


# --- Setting up -------------------------------------------------------------------------


def test_a_coordinator_sets_up_a_round_from_nothing(
    client: Client, term: Term, coordinator: User, reader: User
) -> None:
    client.force_login(coordinator)
    made = client.post(
        f"/staff/terms/{term.pk}/rounds/new/",
        {
            "name": "Autumn",
            "time_zone": "America/New_York",
            "opens_at": "2026-06-05T09:00",
            "closes_at": "2026-06-20T23:59",
            "is_blind": "on",
            "reviews_wanted": "1",
        },
    )
    round = Round.objects.get(name="Autumn")
    assert made["Location"] == f"/staff/rounds/{round.pk}/setup/"
    assert round.opens_at == dt.datetime(2026, 6, 5, 13, 0, tzinfo=dt.UTC)
    here = f"/staff/rounds/{round.pk}"
    client.post(f"{here}/publish/")
    round.refresh_from_db()
    assert round.published_at is None  # it asks nothing yet
    client.post(f"{here}/questions/", {"kind": "long", "text": "Why now?", "is_required": "on"})
    client.post(
        f"{here}/questions/",
        {"kind": "eligibility", "text": "In the UK?", "expected": "yes", "kind_words": "Sorry."},
    )
    client.post(f"{here}/criteria/", {"name": "Need", "weight": "2"})
    unknown = client.post(f"{here}/reviewers/", {"email": "nobody@example.org"})
    assert unknown.status_code == 422
    client.post(f"{here}/reviewers/", {"email": reader.email})
    client.post(f"{here}/publish/")
    round.refresh_from_db()
    assert round.published_at == NOW
    assert not round.is_open(at=NOW)
    assert round.is_open(at=dt.datetime(2026, 6, 5, 13, 0, tzinfo=dt.UTC))


def test_a_round_of_a_term_for_one_country_asks_for_it_from_the_start(
    client: Client, term: Term, coordinator: User
) -> None:
    term.market = "GB"
    term.save()
    made = rounds.create_round(
        round=Round(term=term, name="Autumn", opens_at=NOW, closes_at=CLOSES_AT),
        by=coordinator,
        at=NOW,
    )
    asks = made.questions.get()
    assert (asks.kind, asks.expected) == ("eligibility", "yes")
    assert asks.text == "Do you live in this country: United Kingdom?"
    Round.objects.update(published_at=NOW)
    answers = {"is_adult": "yes", f"q{asks.pk}": "no"}
    page = client.post("/programmes/open-door/apply/", answers).text
    assert "This term is for people in one country: United Kingdom." in page


def test_a_round_asks_for_five_files_at_most(client: Client, term: Term, coordinator: User) -> None:
    round = make_round(term, published_at=None)
    client.force_login(coordinator)
    ask = {"kind": "file", "text": "One more page", "help": ""}
    for _ in range(6):
        page = client.post(f"/staff/rounds/{round.pk}/questions/", ask, follow=True)
    assert "at most five files" in page.text
    assert round.questions.filter(kind="file").count() == 5


def test_questions_stay_once_somebody_answers(sent: Application, coordinator: User) -> None:
    with pytest.raises(errors.RoundFixed):
        rounds.remove_question(question=question(sent.round, "long"), by=coordinator, at=NOW)
    sent.round.is_blind = False
    with pytest.raises(errors.RoundFixed):
        rounds.edit_round(round=sent.round, fields=["is_blind"], by=coordinator, at=NOW)


# --- Many, and letting go -----------------------------------------------------------------


def test_a_page_of_many_asks_no_more_than_a_page_of_one(
    client: Client, round: Round, reader: User, coordinator: User
) -> None:
    def count(url: str, data: dict[str, str] | None = None) -> int:
        with CaptureQueriesContext(connection) as captured:
            response = client.post(url, data) if data else client.get(url)
            assert response.status_code == (302 if data and "confirmed" in data else 200)
        # In a test a transaction is a savepoint, which is no question to the database.
        return sum("SAVEPOINT" not in str(query["sql"]) for query in captured)

    client.force_login(coordinator)
    staff = f"/staff/rounds/{round.pk}/"
    filtered = f"{staff}?filter_status=submitted&order=reviews"
    preview = {"which": "all", "status": "approved", "reason": "fits"}

    def count_all() -> tuple[int, ...]:
        seen = (count(staff), count(filtered), count(f"{staff}decide/", preview))
        decided = count(f"{staff}decide/", {**preview, "confirmed": "yes"})
        assert not round.applications.filter(status="submitted").exists()
        return (*seen, decided)

    review(make_application(round), reader, 4)
    round.term.capacity = 100  # places are counted too
    round.term.save()
    count(staff)  # a first visit also writes the session
    few = count_all()
    assert max(few) <= 10
    for score in (1, 3, 5):
        review(make_application(round), reader, score)
    assert count_all() == few
    client.force_login(reader)
    client.get("/reviews/")
    pages = ("/reviews/", f"/reviews/rounds/{round.pk}/")
    one = [count(url) for url in pages]
    make_application(round)
    assert [count(url) for url in pages] == one


def test_the_best_score_comes_first_and_a_search_finds_no_hidden_name(
    round: Round, reader: User, coordinator: User
) -> None:
    for score in (2, 5, 3):
        review(make_application(round), reader, score)
    unread = make_application(round)
    found = list(reads.applications_of(round, user=coordinator))
    assert [row.mean_score for row in found] == [5, 3, 2, None]
    assert found[-1] == unread
    assert not reads.applications_of(round, user=coordinator, q="Zqstagezq").exists()
    assert reads.applications_of(round, user=coordinator, q=unread.reference).get() == unread


def test_applications_are_counted_and_then_deleted_with_proof(
    round: Round, reader: User, coordinator: User
) -> None:
    first, second = make_application(round), make_application(round)
    review(first, reader, 4)
    decide(first, coordinator, "approved")
    decide(second, coordinator, "declined")
    decisions.set_announcement(round=round, announce_at=ANNOUNCED, by=coordinator, at=LATER)
    decisions.announce_due(limit=10, at=ANNOUNCED)
    early = decisions.purge_applications(at=ANNOUNCED + decisions.KEEP - dt.timedelta(hours=1))
    assert (early.rows, Application.objects.count()) == (0, 2)
    proof = decisions.purge_applications(at=ANNOUNCED + decisions.KEEP)
    assert (proof.what, proof.rows) == ("applications", 2)
    assert Purge.objects.filter(what="applications").count() == 2
    assert not Application.objects.exists()
    assert not Review.objects.exists()
    round.refresh_from_db()
    assert round.statistics == {
        "draft": 0,
        "submitted": 0,
        "withdrawn": 0,
        "approved": 1,
        "waitlisted": 0,
        "declined": 1,
        "reviews": 1,
    }
    assert Enrolment.objects.filter(user=first.user).exists()


def test_a_round_that_told_nobody_is_not_deleted_after_half_a_year(
    round: Round, sent: Application
) -> None:
    decisions.purge_applications(at=CLOSES_AT + decisions.KEEP + dt.timedelta(days=1))
    assert Application.objects.exists()
    decisions.purge_applications(at=CLOSES_AT + decisions.KEEP_UNTOLD)
    assert not Application.objects.exists()


def test_whoever_was_asked_to_read_is_told_what_waits(
    round: Round, sent: Application, reader: User, coordinator: User
) -> None:
    assert [need.url for need in queries.needs_you(reader, at=NOW)] == ["/reviews/"]
    review(sent, reader, 3)
    assert queries.needs_you(reader, at=NOW) == []
    waiting = [need.url for need in queries.needs_you(coordinator, at=CLOSES_AT)]
    assert waiting == [f"/staff/rounds/{round.pk}/"]
