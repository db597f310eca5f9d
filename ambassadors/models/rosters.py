"""A list of people in a file, on its way to becoming invitations."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ambassadors.models.invitations import Invitation
from ambassadors.models.programmes import Term


class RosterImport(models.Model):
    """One file for one term: read, compared, and then (only when told to) imported.

    The same file for the same term is the same import; its parts are let
    go of when the import begins.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("waiting for its columns")
        READING = "reading", _("being read")
        READ = "read", _("ready to look at")
        IMPORTING = "importing", _("being imported")
        DONE = "done", _("imported")

    term = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="roster_imports")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    uploaded_at = models.DateTimeField(_("uploaded"))
    file_name = models.CharField(_("file"), max_length=200)
    file_digest = models.CharField(_("SHA-256 of the file"), max_length=64)
    header = ArrayField(models.CharField(max_length=200), verbose_name=_("columns"))
    columns = models.JSONField(_("which column is what"), default=dict)
    allow_same_names = models.BooleanField(
        _("import people who share a stage name with somebody else"), default=False
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.UPLOADED)
    counts = models.JSONField(_("rows by result"), default=dict)
    rows_total = models.PositiveIntegerField(_("rows"), default=0)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0)
    touched_at = models.DateTimeField(_("last sign of life"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("roster import")
        verbose_name_plural = _("roster imports")
        constraints = [
            models.UniqueConstraint(
                fields=["term", "file_digest"],
                condition=~Q(state="done"),
                name="roster_import_one_open_per_file",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["uploaded", "reading", "read", "importing", "done"]),
                name="roster_import_state_known",
            ),
            models.CheckConstraint(
                condition=Q(rows_done__lte=models.F("rows_total")),
                name="roster_import_done_at_most_total",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class RosterPart(models.Model):
    """Some rows of a file as it was uploaded: what is read at one time."""

    roster = models.ForeignKey(RosterImport, on_delete=models.CASCADE, related_name="parts")
    rows_before = models.PositiveIntegerField()
    # JSON; as bytes, since a cell may hold zeros, which no text of the database can.
    rows = models.BinaryField()

    class Meta:
        verbose_name = _("part of a roster file")
        verbose_name_plural = _("parts of roster files")
        constraints = [
            models.UniqueConstraint(fields=["roster", "rows_before"], name="roster_part_once"),
        ]

    def __str__(self) -> str:
        return f"{self.roster_id} from {self.rows_before}"


class RosterResult(models.TextChoices):
    """What an import makes (or would make) of a row."""

    NEW = "new", _("will be invited")
    CHANGED = "changed", _("invitation will be corrected")
    SAME = "same", _("already there")
    PROBLEM = "problem", _("cannot be imported")


class RosterProblem(models.TextChoices):
    """What is wrong with a row, in words that say what to do."""

    EMAIL_MISSING = "email_missing", _("There is no e-mail address. Write one.")
    EMAIL_WRONG = (
        "email_wrong",
        _("This is not a whole e-mail address. Write it like name@example.org."),
    )
    EMAIL_ALPHABETS = (
        "email_alphabets",
        _(
            "The e-mail address mixes letters of different alphabets that look the same,"
            " or has letters mail cannot reach. Type it again by hand."
        ),
    )
    EMAIL_TWICE = (
        "email_twice",
        _("The same e-mail address is in an earlier row. Keep one of the two."),
    )
    NAME_LONG = "name_long", _("The stage name is longer than 120 characters. Shorten it.")
    NAME_LETTERS = (
        "name_letters",
        _("The stage name has characters that cannot be shown. Type it again by hand."),
    )
    NAME_TWICE = (
        "name_twice",
        _(
            "Somebody with this stage name is in an earlier row or already in the term, with"
            " another address. If they are two people, choose “Change the columns” and allow"
            " shared names."
        ),
    )
    LANGUAGE_UNKNOWN = (
        "language_unknown",
        _("The language is not known. Write its name, or a code such as en or es."),
    )
    MARKET_UNKNOWN = (
        "market_unknown",
        _("The country is not known. Write its name, or a code such as GB or US."),
    )
    MARKET_OTHER = (
        "market_other",
        _("The country is not the country of this term. Import the row into its own term."),
    )
    COLUMNS = (
        "columns",
        _("The row has more columns than the first row. Look for a separator inside a value."),
    )
    LEFT = (
        "left",
        _("This person was removed from the term. Let them back in from their enrolment."),
    )
    DECLINED = (
        "declined",
        _("The person at this address said the invitation was not for them. Ask them in person."),
    )
    NO_PLACE = "no_place", _("There is no place left in the term.")


class RosterRow(models.Model):
    """One row of the file, and what becomes of it."""

    roster = models.ForeignKey(RosterImport, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField(_("row"))
    email = models.CharField(_("e-mail address"), max_length=254)
    name = models.CharField(_("stage name"), max_length=200)
    name_key = models.CharField(max_length=200)
    language = models.CharField(_("language"), max_length=40)
    country = models.CharField(_("country"), max_length=80, default="")
    is_country_known = models.BooleanField(default=False)
    result = models.CharField(_("result"), max_length=10, choices=RosterResult)
    problem = models.CharField(_("problem"), max_length=20, choices=RosterProblem, blank=True)
    invitation = models.ForeignKey(
        Invitation, on_delete=models.PROTECT, null=True, related_name="+"
    )
    is_done = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("roster row")
        verbose_name_plural = _("roster rows")
        constraints = [
            models.UniqueConstraint(fields=["roster", "number"], name="roster_row_number_unique"),
            models.CheckConstraint(
                condition=Q(result__in=["new", "changed", "same", "problem"]),
                name="roster_row_result_known",
            ),
            models.CheckConstraint(
                condition=(Q(result="problem") & ~Q(problem=""))
                | (~Q(result="problem") & Q(problem="")),
                name="roster_row_problem_is_named",
            ),
        ]
        indexes = [models.Index(fields=["roster", "email"], name="roster_row_email")]

    def __str__(self) -> str:
        return f"{self.roster_id} row {self.number}"
