"""What can be wrong with an act of this app, in words fit to show."""


class PortalError(Exception):
    """Base of this app's errors."""


class ProgramFailed(PortalError):
    """A program of PostgreSQL said no; the message is what it said."""


class MustBeSettled(PortalError):
    """Something stands in the way of erasing this person: ``personal_data.obstacles``."""
