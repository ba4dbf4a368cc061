#!/usr/bin/env python
"""Django's command line. Operators use console.py; this is for single commands."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csoc.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
