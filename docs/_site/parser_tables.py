"""Options of an `argparse` parser in Markdown."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.reference import Argument, arguments, usage


def usage_block(parser: argparse.ArgumentParser) -> str:
    """Return the parser's usage in a code block of 88 columns."""
    return f"```text\n{usage(parser, 88)}\n```"


def options_table(parser: argparse.ArgumentParser) -> str:
    """Return a table of the parser's arguments; empty when it has none."""
    rows = [f"| {_name(one)} | {cell(one.about)} |" for one in arguments(parser)]
    return "\n".join(["| argument | meaning |", "|---|---|", *rows]) if rows else ""


def cell(text: str) -> str:
    """Return text that stands in a table's cell as it is."""
    return escaped(" ".join(text.split())).replace("|", "\\|")


def escaped(text: str) -> str:
    """Return text in which nothing is taken for Markdown."""
    for character in "\\*_<[`":
        text = text.replace(character, "\\" + character)
    return text


def _name(one: Argument) -> str:
    # Within a table even code must not hold a bare bar.
    return f"`{' '.join(filter(None, (', '.join(one.flags), one.value)))}`".replace("|", "\\|")
