"""Roster files as they really come, and imports that are interrupted, repeated and changed."""

from __future__ import annotations

import datetime as dt
from io import BytesIO, StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from ambassadors import errors
from ambassadors.domain import rosters as files
from ambassadors.models import Invitation, RosterImport, RosterPart, RosterRow, Term
from ambassadors.services import invitations, rosters
from ambassadors.tasks import continue_rosters, send_invitations
from notifications.models import Message, Purge
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, UserFactory

HEADER = "email,stage name,language,country\n"


def upload(term: Term, text: str | bytes) -> RosterImport:
    content = text.encode() if isinstance(text, str) else text
    return rosters.upload_roster(
        term=term, by=None, file_name="roster.csv", file=BytesIO(content), at=NOW
    )


def compare(term: Term, text: str | bytes, *, same_names: bool = False) -> RosterImport:
    roster = upload(term, text)
    rosters.start_reading(
        roster=roster, columns=roster.columns, allow_same_names=same_names, at=NOW
    )
    while rosters.continue_roster(roster=roster, at=NOW):
        pass
    return RosterImport.objects.get(pk=roster.pk)


def import_(term: Term, text: str | bytes, *, same_names: bool = False) -> RosterImport:
    roster = compare(term, text, same_names=same_names)
    rosters.start_importing(roster=roster, by=None, at=NOW)
    while rosters.continue_roster(roster=roster, at=NOW):
        pass
    return RosterImport.objects.get(pk=roster.pk)


def results(roster: RosterImport) -> list[tuple[int, str, str]]:
    return list(roster.rows.order_by("number").values_list("number", "result", "problem"))


def test_a_roster_may_be_written_in_any_language_of_the_site(term: Term) -> None:
    roster = import_(
        term,
        "Courriel;Nom d’artiste;Sprache;البلد\n"
        "a@example.org;Ada;Französisch;Royaume-Uni\n"
        "b@example.org;Bo;português;Großbritannien\n"
        "c@example.org;Cy;العربية;المملكة المتحدة\n",
    )
    assert roster.counts == {"new": 3, "changed": 0, "same": 0, "problem": 0}
    assert [language for _email, _name, language in invited()] == ["fr", "pt", "ar"]


def invited() -> list[tuple[str, str, str]]:
    return list(Invitation.objects.order_by("email").values_list("email", "name", "language"))


# --- Files --------------------------------------------------------------------

PEOPLE = [("a@example.org", "Ñusta", "es"), ("b@example.org", "Tide, Marrow", "en")]


@pytest.mark.parametrize(
    "content",
    [
        b'email,name,language\na@example.org,\xc3\x91usta,es\nb@example.org,"Tide, Marrow",en\n',
        b"\xef\xbb\xbfemail;name;language\r\na@example.org;\xc3\x91usta;espa\xc3\xb1ol\r\n"
        b"b@example.org;Tide, Marrow;English\r\n",
        "email\tname\tlanguage\na@example.org\tÑusta\tes\nb@example.org\tTide, Marrow\ten\n".encode(
            "utf-16"
        ),
        'email,name,language\na@example.org,Ñusta,es\nb@example.org,"Tide, Marrow",en\n'.encode(
            "utf-16-le"
        ),
        "email;name;language\na@example.org;Ñusta;es\nb@example.org;Tide, Marrow;en\n".encode(
            "cp1252"
        ),
        b"sep=;\r\nemail;name;language\r\na@example.org;\xc3\x91usta;es\r\n"
        b"b@example.org;Tide, Marrow;en\r\n",
        b'"Correo electr\xc3\xb3nico","Nombre art\xc3\xadstico","Idioma"\n\n'
        b'="a@example.org","\xc3\x91usta","Spanish"\n'
        b'" B@EXAMPLE.ORG ","Tide, Marrow","ingl\xc3\xa9s"\n\n',
    ],
    ids=["plain", "bom+semicolons", "utf16", "utf16-no-bom", "cp1252", "sep=", "excel-spanish"],
)
def test_every_way_a_spreadsheet_saves_it_is_read_the_same(term: Term, content: bytes) -> None:
    roster = import_(term, content)
    assert roster.counts == {"new": 2, "changed": 0, "same": 0, "problem": 0}
    assert invited() == PEOPLE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty"),
        (b"PK\x03\x04 a workbook", "workbook"),
        (b"email,name\n", "nothing below"),
        (b"a@example.org,Ada\nb@example.org,Bo\n", "first row must name"),
        (b'email,name\n"a@example.org,Ada\nb@example.org,Bo\n', "quotation mark"),
        (b'email\na@example.org\n"b@example.org\n' + b"c@example.org\n" * 8_000, "Row 3 is longer"),
        (b"\xff\xfee\x00m\x00a\x00i\x00l\x00\n\x00a", "broken letters"),
        (b"email\n" + b"x" * (20 * 1024 * 1024), "larger than 20 MB"),
    ],
)
def test_a_file_that_is_no_roster_is_refused_with_what_to_do(
    term: Term, content: bytes, words: str
) -> None:
    with pytest.raises(errors.RosterUnreadable, match=words):
        upload(term, content)
    assert not RosterImport.objects.exists()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",Ada,,", "email_missing"),
        ("ada,Ada,,", "email_wrong"),
        ("ada@example,Ada,,", "email_wrong"),
        ("a b@example.org,Ada,,", "email_wrong"),
        ("ada@exаmple.org,Ada,,", "email_alphabets"),
        (f"ada@example.org,{'x' * 121},,", "name_long"),
        ("ada@example.org,A\x07da,,", "name_letters"),
        ("ada@example.org,A\x00da,,", "name_letters"),
        ("ada@example.org,Ada,Klingonish,", "language_unknown"),
        ("ada@example.org,Ada,,Atlantis", "market_unknown"),
        ("ada@example.org,Ada,,Canada", "market_other"),
        ("ada@example.org,Ada,,GB,extra", "columns"),
        ("old@example.org,Twice,,", "email_twice"),
        ("OLD@example.org,Twice,,", "email_twice"),
        ("other@example.org,  OLD   name,,", "name_twice"),
    ],
)
def test_each_wrong_row_is_named_and_the_others_go_in(term: Term, row: str, problem: str) -> None:
    roster = import_(term, f"{HEADER}old@example.org,Old Name,,UK\n{row}\n")
    assert results(roster) == [(2, "new", ""), (3, "problem", problem)]
    assert [email for email, _name, _language in invited()] == ["old@example.org"]


def test_names_in_any_script_are_kept_as_they_are_written(term: Term) -> None:
    names = ["小川 灯", "Ева Лист", "محمود", "Ñusta", "Zahra & the Lamps", "=2+3"]
    rows = "".join(f"p{n}@example.org,{name},,\n" for n, name in enumerate(names))
    import_(term, HEADER + rows)
    assert [name for _email, name, _language in invited()] == names


# --- Comparing ----------------------------------------------------------------


def test_a_dry_run_changes_nothing(term: Term) -> None:
    roster = compare(term, HEADER + "a@example.org,Ada,,\n")
    assert roster.counts["new"] == 1
    assert not Invitation.objects.exists()
    assert not Message.objects.exists()
    rosters.discard_roster(roster=roster)
    assert not RosterRow.objects.exists()


def test_importing_the_same_file_again_changes_nothing(term: Term) -> None:
    text = HEADER + "a@example.org,Ada,es,\nb@example.org,Bo,,\n"
    import_(term, text)
    before = list(Invitation.objects.values())
    again = import_(term, text)
    assert again.counts == {"new": 0, "changed": 0, "same": 2, "problem": 0}
    assert list(Invitation.objects.values()) == before


def test_people_whom_a_file_leaves_out_stay(term: Term) -> None:
    import_(term, HEADER + "a@example.org,Ada,,\nb@example.org,Bo,,\n")
    import_(term, HEADER + "b@example.org,Bo,,\n")
    assert len(invited()) == 2


def test_a_newer_name_or_language_corrects_an_open_invitation_and_a_blank_does_not(
    term: Term,
) -> None:
    import_(term, HEADER + "a@example.org,Ada,es,\nb@example.org,Bo,en,\n")
    roster = import_(term, HEADER + "a@example.org,Ada Lumen,,\nb@example.org,,,\n")
    assert roster.counts == {"new": 0, "changed": 1, "same": 1, "problem": 0}
    assert invited() == [("a@example.org", "Ada Lumen", "es"), ("b@example.org", "Bo", "en")]


def test_those_who_joined_left_or_declined_are_treated_as_what_they_are(term: Term) -> None:
    EnrolmentFactory(term=term, user=UserFactory(email="in@example.org"))
    EnrolmentFactory(term=term, user=UserFactory(email="out@example.org"), status="removed")
    no = invitations.invite_person(
        term=term, email="no@example.org", name="", language="en", by=None, at=NOW
    )
    invitations.decline_invitation(invitation=no, at=NOW)
    roster = import_(term, "email\nin@example.org\nout@example.org\nno@example.org\n")
    assert results(roster) == [(2, "same", ""), (3, "problem", "left"), (4, "problem", "declined")]
    assert Invitation.objects.count() == 1


def test_shared_stage_names_are_held_back_until_allowed(term: Term) -> None:
    text = HEADER + "a@example.org,Echo,,\nb@example.org,ECHO,,\n"
    assert results(import_(term, text))[1] == (3, "problem", "name_twice")
    assert results(import_(term, text, same_names=True)) == [(2, "same", ""), (3, "new", "")]


def test_the_name_of_somebody_who_came_in_another_way_is_compared_too(term: Term) -> None:
    EnrolmentFactory(term=term, user=UserFactory(name="Ｎｏｖａ  Ray"))
    EnrolmentFactory(term=term, user=UserFactory(name="Gone"), status="removed")
    text = HEADER + "a@example.org,NOVA RAY,,\nb@example.org,Gone,,\n"
    assert results(compare(term, text)) == [(2, "problem", "name_twice"), (3, "new", "")]


def test_rows_beyond_the_places_of_the_term_are_held_back(term: Term) -> None:
    Term.objects.update(capacity=3)
    EnrolmentFactory(term=term)
    roster = import_(
        Term.objects.get(), "email\n" + "".join(f"p{n}@example.org\n" for n in range(4))
    )
    assert [problem for _n, _r, problem in results(roster)] == ["", "", "no_place", "no_place"]
    assert Invitation.objects.count() == 2


def test_places_that_went_between_comparing_and_importing_are_not_given_twice(term: Term) -> None:
    Term.objects.update(capacity=2)
    fresh = Term.objects.get()
    roster = compare(fresh, "email\na@example.org\nb@example.org\n")
    invitations.invite_person(
        term=fresh, email="c@example.org", name="", language="en", by=None, at=NOW
    )
    rosters.start_importing(roster=roster, by=None, at=NOW)
    while rosters.continue_roster(roster=roster, at=NOW):
        pass
    assert Invitation.objects.count() == 2
    assert results(roster)[1] == (3, "problem", "no_place")


def test_somebody_invited_between_comparing_and_importing_is_not_invited_twice(term: Term) -> None:
    roster = compare(term, "email\na@example.org\n")
    invitations.invite_person(
        term=term, email="a@example.org", name="", language="en", by=None, at=NOW
    )
    rosters.start_importing(roster=roster, by=None, at=NOW)
    while rosters.continue_roster(roster=roster, at=NOW):
        pass
    assert results(roster) == [(2, "same", "")]
    assert Invitation.objects.count() == 1


# --- Interruptions ------------------------------------------------------------


def many(count: int) -> str:
    return "email\n" + "".join(f"p{n}@example.org\n" for n in range(count))


@pytest.fixture
def small_chunks() -> object:
    with (
        mock.patch.object(files, "PART_ROWS", 10),
        mock.patch.object(rosters, "IMPORT_CHUNK", 10),
    ):
        yield


@pytest.mark.usefixtures("small_chunks")
def test_a_worker_that_dies_in_the_middle_loses_one_chunk_and_no_more(term: Term) -> None:
    roster = upload(term, many(35))
    rosters.start_reading(roster=roster, columns={"email": 0}, allow_same_names=False, at=NOW)
    rosters.continue_roster(roster=roster, at=NOW)
    with (
        mock.patch.object(rosters, "_copy", side_effect=ConnectionError),
        pytest.raises(ConnectionError),
        transaction.atomic(),
    ):
        rosters.continue_roster(roster=roster, at=NOW)
    roster.refresh_from_db()
    assert (roster.state, roster.rows_done, roster.rows.count()) == ("reading", 10, 10)

    continue_rosters()
    roster.refresh_from_db()
    assert (roster.state, roster.rows.count()) == ("read", 35)
    rosters.start_importing(roster=roster, by=None, at=NOW)
    rosters.continue_roster(roster=roster, at=NOW)
    roster.refresh_from_db()
    assert (roster.rows_done, Invitation.objects.count()) == (10, 10)

    continue_rosters()
    continue_rosters()
    roster.refresh_from_db()
    assert (roster.state, roster.rows_done) == ("done", 35)
    assert Invitation.objects.count() == 35
    assert not RosterPart.objects.exists()


def test_starting_twice_imports_once(term: Term) -> None:
    roster = compare(term, many(3))
    for _ in range(2):
        rosters.start_importing(roster=roster, by=None, at=NOW)
    while rosters.continue_roster(roster=roster, at=NOW):
        pass
    rosters.start_importing(roster=roster, by=None, at=NOW)
    assert Invitation.objects.count() == 3


def test_an_import_under_way_can_be_neither_reread_nor_forgotten(term: Term) -> None:
    roster = compare(term, many(3))
    rosters.start_importing(roster=roster, by=None, at=NOW)
    with pytest.raises(errors.AlreadyImporting):
        rosters.start_reading(roster=roster, columns={"email": 0}, allow_same_names=False, at=NOW)
    with pytest.raises(errors.AlreadyImporting):
        rosters.discard_roster(roster=roster)


def test_the_same_file_uploaded_twice_is_one_import(term: Term) -> None:
    assert upload(term, many(3)) == upload(term, many(3))


def test_the_database_keeps_one_open_import_per_file(term: Term) -> None:
    upload(term, many(3))
    roster = RosterImport.objects.get()
    roster.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        roster.save(force_insert=True)


def test_imported_invitations_are_sent_once_each(term: Term) -> None:
    import_(term, many(5))
    assert not Message.objects.exists()
    assert send_invitations() == 5
    assert send_invitations() == 0
    assert Message.objects.count() == 5
    assert Invitation.objects.values("secret_digest").distinct().count() == 5


def test_rows_are_forgotten_after_thirty_days_and_leave_a_proof(term: Term) -> None:
    done, waiting = import_(term, many(3)), compare(term, many(2))
    rosters.forget_rosters(at=NOW + dt.timedelta(days=29))
    assert RosterRow.objects.count() == 5
    rosters.forget_rosters(at=NOW + dt.timedelta(days=31))
    assert not RosterRow.objects.exists()
    assert list(RosterImport.objects.all()) == [done]
    assert not RosterImport.objects.filter(pk=waiting.pk).exists()
    assert Purge.objects.latest("pk").rows == 5
    assert Invitation.objects.count() == 3


# --- The command --------------------------------------------------------------


def run(file: Path, *flags: str, **options: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    named = {"programme": "open-door", "term": "spring", **options}
    call_command("import_roster", file, *flags, stdout=out, stderr=err, **named)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def file(tmp_path: Path, term: Term) -> Path:
    Term.objects.update(ends_on=timezone.now().date() + dt.timedelta(days=30))
    path = tmp_path / "roster.csv"
    path.write_text("Correo;Nombre\na@example.org;Ada\nnope;Bo\n", "utf-8")
    return path


def test_the_command_says_what_it_would_do_and_does_nothing(file: Path) -> None:
    out, err = run(file, "--dry-run")
    assert "1 would be invited" in out
    assert "row 3: nope: This is not a whole e-mail address" in err
    assert not Invitation.objects.exists()
    assert not RosterImport.objects.exists()


def test_the_command_imports_and_may_be_repeated(file: Path) -> None:
    run(file)
    out, _err = run(file)
    assert "0 will be invited" in out
    assert "1 are there already" in out
    assert [email for email, *_ in invited()] == ["a@example.org"]


def test_the_command_says_what_it_does_not_know(file: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no term “Autumn”"):
        run(file, term="Autumn")
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "absent.csv")
    file.write_text("who\nAda\n")
    with pytest.raises(CommandError, match="No column"):
        run(file)
    assert not RosterImport.objects.exists()


# --- The pages ----------------------------------------------------------------


@pytest.fixture
def staff(client: Client, coordinator: User, term: Term, settings: object) -> Client:
    settings.REQUIRE_MFA = False  # type: ignore[attr-defined]  # has its own tests
    Term.objects.update(ends_on=timezone.now().date() + dt.timedelta(days=30))
    client.force_login(coordinator)
    return client


def test_a_small_roster_goes_from_upload_to_invitations_on_screen(
    staff: Client, term: Term
) -> None:
    text = "Who;Mail\nAda;a@example.org\nBo;wrong\n"
    response = staff.post(
        f"/staff/terms/{term.pk}/roster/", {"file": SimpleUploadedFile("r.csv", text.encode())}
    )
    roster = RosterImport.objects.get()
    page = f"/staff/rosters/{roster.pk}/"
    assert response["Location"] == page
    shown = staff.get(page).text
    assert "Which column is what?" in shown
    assert "2 rows. If letters look wrong" in shown
    response = staff.post(page + "read/", {"email": "1", "name": "1"})
    assert "Two of these are the same column" in response.content.decode()
    response = staff.post(page + "read/", {"email": "1", "name": "0"}, follow=True)
    shown = response.content.decode()
    assert "This is what would change" in shown
    assert "This is not a whole e-mail address" in shown
    assert not Invitation.objects.exists()
    for _ in range(2):
        response = staff.post(page + "import/", follow=True)
    assert "Done. The invitations are being sent." in response.content.decode()
    assert invited() == [("a@example.org", "Ada", "")]


def test_a_large_roster_is_left_to_the_worker_and_shows_how_far_it_is(
    staff: Client, term: Term, settings: Settings
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000  # so that the upload waits on disk
    file = SimpleUploadedFile("r.csv", many(1_001).encode())
    assert staff.post(f"/staff/terms/{term.pk}/roster/", {"file": file}).status_code == 302
    roster = RosterImport.objects.get()
    page = f"/staff/rosters/{roster.pk}/"
    response = staff.post(page + "read/", {"email": "0"}, follow=True)
    assert "0 of 1001 rows" in response.content.decode()
    continue_rosters()
    assert "This is what would change" in staff.get(page).content.decode()


def test_a_wrong_file_is_told_in_the_page(staff: Client, term: Term) -> None:
    response = staff.post(
        f"/staff/terms/{term.pk}/roster/", {"file": SimpleUploadedFile("r.xlsx", b"PK\x03\x04")}
    )
    assert response.status_code == 422
    assert "This is a workbook, not a CSV file" in response.content.decode()


def test_downloaded_problems_are_no_formulas_and_come_back_as_they_were(
    staff: Client, term: Term
) -> None:
    roster = compare(term, HEADER + "wrong,=HYPERLINK(1),,Atlantis\nalso wrong,Bo,en,GB\n")
    content = staff.get(f"/staff/rosters/{roster.pk}/problems.csv").content.decode()
    _header, first, second = content.splitlines()
    assert first.startswith("2,wrong,'=HYPERLINK(1),,Atlantis,")
    assert second.startswith("3,also wrong,Bo,en,GB,")
    for wrong, right in (("also wrong", "bo@a.org"), ("wrong", "ada@a.org"), ("Atlantis", "GB")):
        content = content.replace(wrong, right)
    import_(term, content)
    assert invited() == [("ada@a.org", "=HYPERLINK(1)", ""), ("bo@a.org", "Bo", "en")]
