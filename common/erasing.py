"""What stands in the way of erasing somebody, as each app tells it to the page that does it."""

from dataclasses import dataclass

# An address that no mail can be sent to (RFC 2606), where there must be one.
NOWHERE = "@forgotten.invalid"


@dataclass(frozen=True)
class Obstacle:
    """One thing the person must settle first: a translated sentence, and where they can."""

    text: str
    url: str = ""
