"""Write the table of commands in docs/commands.md: `make docs`.

It comes from the parser; `tests/docs` fails when it is out of date.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from parser_tables import cell

from devstream_desktop.cli.commands import one_liners, subcommands
from devstream_desktop.cli.parser import whole_parser

PAGE = Path(__file__).parents[1] / "commands.md"
_MARKS = ("<!-- table: made by `make docs` -->", "<!-- end of table -->")


def page(text: str) -> str:
    """Return the page with the table as it is now."""
    before, rest = text.split(_MARKS[0])
    after = rest.split(_MARKS[1])[1]
    rows = "\n".join(_rows(whole_parser()))
    return f"{before}{_MARKS[0]}\n| command | does |\n|---|---|\n{rows}\n{_MARKS[1]}{after}"


def _rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    helps = {one.dest: one.help or "" for one in one_liners(parser)}
    for name, command in subcommands(parser).items():
        below = subcommands(command)
        if below and name != "add":
            yield from _rows(command)
        else:
            yield f"| `{command.prog}` | {cell(helps[name])} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
