"""What ambassadors may refuse, in words fit to show a person."""

from django.utils.translation import gettext_lazy as _


class AmbassadorsError(Exception):
    """The base of every refusal here. ``str()`` of it may be shown."""

    message = _("That is not possible.")

    def __str__(self) -> str:
        return str(self.message)


class IllegalMove(AmbassadorsError):
    message = _(
        "That is no longer possible: the status has changed. Look at the page again and choose"
        " from what it offers now."
    )


class TermOver(AmbassadorsError):
    message = _("This term is over. Choose or add a term that has not ended.")


class TermFull(AmbassadorsError):
    message = _("Every place of this term is taken or promised. Add places to the term first.")


class AddressUnusable(AmbassadorsError):
    message = _("This is not a whole e-mail address. Write it like name@example.org.")


class AddressMixesAlphabets(AddressUnusable):
    message = _(
        "The e-mail address mixes letters of different alphabets that look the same, or has"
        " letters mail cannot reach. Type it again by hand."
    )


class AlreadyInvited(AmbassadorsError):
    message = _("This address has been invited to this term already. You can send it again below.")


class AlreadyEnrolled(AmbassadorsError):
    message = _("The person with this address is in this term already.")


class DeclinedBefore(AmbassadorsError):
    message = _(
        "The person at this address said that the invitation to this term was not for them, and"
        " that they do not want to hear about it again. Ask them in person."
    )


class InvitationUnusable(AmbassadorsError):
    """The link cannot be used (any more); the page says why from the invitation's state."""

    message = _("This invitation cannot be used any more.")


class SentJustNow(AmbassadorsError):
    message = _("It was sent a few minutes ago. Look in the spam folder, or wait a little.")


class AdultsOnly(AmbassadorsError):
    message = _("Joining is for people who are 18 or over.")


class LivesElsewhere(AmbassadorsError):
    message = _("This term is for people who live in its country. Say first that you do.")


class TextChanged(AmbassadorsError):
    message = _("The text has changed since you opened the page. Please read it once more.")


class AlreadyTranslated(AmbassadorsError):
    message = _("This version is there in this language already. A change is a new version.")


class NoReach(AmbassadorsError):
    message = _("Choose at least one programme, or withdraw the role instead.")


class NotPausedByYou(AmbassadorsError):
    message = _("Somebody from the programme paused this. Write to them and they can resume it.")


class RosterUnreadable(AmbassadorsError):
    """A file that cannot be a roster; ``str()`` says what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.words = message

    def __str__(self) -> str:
        return self.words


class AlreadyImporting(AmbassadorsError):
    message = _("This file is being imported already.")


class RoundNotOpen(AmbassadorsError):
    message = _("This round does not take applications now. Its page says when it does.")


class RoundFixed(AmbassadorsError):
    message = _(
        "People have begun to answer, so the questions stay as they are. Words that help can go"
        " into the introduction."
    )


class RoundUnfinished(AmbassadorsError):
    message = _(
        "Before people can apply, the round needs at least one question that is not about"
        " eligibility, one criterion, and as many reviewers as reviews are wanted."
    )


class ApplicationIncomplete(AmbassadorsError):
    message = _("Something that has to be answered is still empty. It is marked below.")


class FileNotAllowed(AmbassadorsError):
    message = _(
        "This is not a whole PDF, PNG or JPEG file. Save it as one of these and add it again."
    )


class TooManyFiles(AmbassadorsError):
    message = _("A round asks for at most five files. Ask for a link instead.")


class FileTooManyPixels(FileNotAllowed):
    message = _("The picture has more than 30 megapixels. Save it smaller and add it again.")


class FileLocked(FileNotAllowed):
    message = _(
        "The PDF is locked with a password, so nobody could read it. Save it without one and add"
        " it again."
    )


class FileActive(FileNotAllowed):
    message = _(
        "The PDF runs scripts or carries other files, or cannot be looked into. Print it to a new"
        " PDF and add that one."
    )


class FileTooLarge(AmbassadorsError):
    message = _("The file is larger than 5 MB. Save it smaller and add it again.")


class NoSuchReviewer(AmbassadorsError):
    message = _("Nobody has an account with this address. Ask them to make one first.")


class AppliesThemselves(AmbassadorsError):
    message = _("This person applied in this round and cannot review it.")


class DecidedMeanwhile(AmbassadorsError):
    message = _(
        "Somebody else decided this meanwhile. Look at their decision before you change it."
    )


class ReviewClosed(AmbassadorsError):
    message = _("This is decided already; reviews are closed.")


class NotDecidable(AmbassadorsError):
    message = _("This cannot be decided: it was taken back, or the person was told already.")


class TooManyAbsences(AmbassadorsError):
    message = _("That is a lot of dates. Remove some that are over first.")


class NotRenewable(AmbassadorsError):
    message = _("Nobody can go on into that term: it is over, or belongs to another programme.")


class NotForAmbassadors(AmbassadorsError):
    message = _("Only people in a programme can let somebody handle their dates.")


class OneselfAsDelegate(AmbassadorsError):
    message = _("This is your own address. Write that of somebody else.")


class AlreadyDelegate(AmbassadorsError):
    message = _("This person handles your dates already, or was asked to.")


class TooManyDelegates(AmbassadorsError):
    message = _("Five people handle your dates or were asked to. End one of them first.")


class NotTheirProgramme(AmbassadorsError):
    message = _("This person does not coordinate the programme. Give them the role first.")


class NotInTheTerm(AmbassadorsError):
    message = _("This is for people who are or were in the term.")
