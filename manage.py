#!/usr/bin/env python
import os
import sys

from cortex.one_line import explain_faults


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cortex.settings")
    from django.core.management import execute_from_command_line

    with explain_faults(sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
