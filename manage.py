#!/usr/bin/env python
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
    from config.local import LocalError
    from config.local.command import for_management
    from config.local.environment import check_settings

    try:
        with for_management(sys.argv):
            check_settings()
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
    except LocalError as wrong:
        sys.exit(f"Greenroom cannot start: {wrong}")


if __name__ == "__main__":
    main()
