"""What sending a mail may run into."""


class NotificationsError(Exception):
    """The base of every error here."""


class OutageError(NotificationsError):
    """The mail server cannot be reached: no message's fault, so none is counted against."""


class DeliveryError(NotificationsError):
    """This message was not taken. ``is_final`` when trying again cannot help."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final
