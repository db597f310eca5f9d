"""What others ask about the outbox."""

from datetime import datetime, timedelta

from notifications.models import Message


def outbox_delay(*, at: datetime) -> timedelta:
    """How long the mail that waits longest is overdue; zero when none is."""
    first = Message.objects.due(at=at).values_list("next_attempt_at", flat=True).first()
    return at - first if first else timedelta(0)
