"""Run the command: python -m micrograph."""

import sys

from micrograph.cli import main

sys.exit(main())
