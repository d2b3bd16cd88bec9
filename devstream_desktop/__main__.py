"""`python -m devstream_desktop`: the `devstream` command."""

import sys

from devstream_desktop.cli import main

sys.exit(main())
