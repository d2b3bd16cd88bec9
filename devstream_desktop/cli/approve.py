"""`devstream approve`: say yes to a deploy that waits for a second person."""

from __future__ import annotations

import argparse
from functools import partial

from devstream_desktop.cli.deploy_answer import add_answer_arguments, answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `approve`."""
    add_answer_arguments(parser)
    parser.set_defaults(command=partial(answer, "approve"))
