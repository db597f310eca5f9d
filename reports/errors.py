"""What publishing a report can refuse, in words fit to show a person."""

from django.utils.translation import gettext_lazy as _


class ReportError(Exception):
    """Base of everything this app refuses."""

    message = _("That cannot be done with this report.")

    def __str__(self) -> str:
        return str(self.message)


class QuarterNotOver(ReportError):
    message = _("A quarter can be published 14 days after it ends, so that late entries are in it.")


class AlreadyPublished(ReportError):
    message = _("This quarter is published. A published report never changes.")
