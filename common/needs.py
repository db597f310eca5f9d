"""What a person has to do next, as each app tells it to the pages that gather it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class NeedsYou:
    """One thing that waits for somebody.

    ``title`` is a translated sentence that names nobody; ``kind`` groups like with like
    ("event", "enrolment", "practice" …); ``due_at`` is None where nothing runs out.
    """

    title: str
    url: str
    kind: str
    due_at: datetime | None = None
