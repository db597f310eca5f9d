"""One process that holds sessions as fast as it can: ``python -m benchmarks.transfers SECONDS``.

Reads tokens from standard input, one a line until an empty one, says that it is ready, waits for
another line, and prints how many sessions it held in that time.
"""

import datetime as dt
import random
import sys
import time
from uuid import UUID, uuid4

import django

# At random: processes that take them in turn would go in step, each waiting for the one before.
PRACTICES = 100


def main(seconds: float) -> int:
    django.setup()
    from django.utils import timezone

    from therapy_credits.services.ledger import hold_units

    subjects = [UUID(line) for line in iter(lambda: sys.stdin.readline().strip(), "")]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()  # all begin together
    until = time.perf_counter() + seconds
    done = 0
    while time.perf_counter() < until:
        at = timezone.now()
        subject = subjects[done % len(subjects)]
        hold_units(
            subject=subject,
            units=1,
            practice_id=random.randrange(PRACTICES),
            group=uuid4(),
            timeout_at=at + dt.timedelta(days=30),
            transfer_id=uuid4(),
            actor=subject,
            at=at,
        )
        done += 1
    return done


if __name__ == "__main__":
    sys.stdout.write(f"{main(float(sys.argv[1]))}\n")
