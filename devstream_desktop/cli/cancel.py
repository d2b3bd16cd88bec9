"""`devstream cancel`: end a deploy that runs or waits."""

from __future__ import annotations

import argparse
from functools import partial

from devstream_desktop.cli.deploy_answer import add_answer_arguments, answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `cancel`."""
    add_answer_arguments(parser)
    parser.set_defaults(command=partial(answer, "cancel"))
