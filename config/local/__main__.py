"""``python -m config.local run`` and ``python -m config.local exec [--fresh] -- COMMAND``."""

import argparse
import sys

from config.local import LocalError
from config.local.command import execute
from config.local.process import end_with_parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.local", description=__doc__)
    parser.add_argument(
        "--end-with-parent",
        action="store_true",
        help="stop when the process that started this one ends, even if it was killed",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="serve the site on this machine")
    one = commands.add_parser("exec", help="run one command with a database and a broker")
    one.add_argument("--fresh", action="store_true", help="empty ones of its own")
    one.add_argument(
        "--durable",
        action="store_true",
        help="with --fresh: write as safely as in production, to measure it",
    )
    one.add_argument("argv", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    if options.end_with_parent:
        end_with_parent()
    try:
        if options.command == "run":
            from config.local.site import run

            return run()
        return execute(options.argv, fresh=options.fresh, durable=options.durable)
    except LocalError as wrong:
        sys.stderr.write(f"Greenroom cannot start: {wrong}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
