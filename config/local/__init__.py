"""Everything on one machine: PostgreSQL, Valkey, the web, the worker and the scheduler.

``python -m config.local run`` is ``make run``; ``python -m config.local exec`` gives one command
the servers it needs. Both take PostgreSQL and Valkey from wheels, so that nothing has to be
installed first, and both keep what they make below ``var/``.
"""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
VAR = PROJECT / "var"


class LocalError(Exception):
    """Something stops us that a person can mend; the message says how."""
