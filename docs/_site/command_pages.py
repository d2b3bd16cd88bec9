"""Sphinx extension: the reference of the `devstream` command, made from its own parser.

A page that holds the line `<!-- commands -->` gets it there, so it cannot be out of date.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from parser_tables import options_table, usage_block
from sphinx.application import Sphinx

from devstream_desktop.cli.commands import one_liners, subcommands
from devstream_desktop.cli.parser import whole_parser

_TYPES = "devstream source add"
MARK = "<!-- commands -->"


def reference() -> str:
    """Return the whole reference in Markdown."""
    parser = whole_parser()
    general = ["### Options of every command", options_table(parser)]
    return "\n\n".join([*general, *_sections(parser, level=3)])


def _sections(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    helps = {one.dest: one.help or "" for one in one_liners(parser)}
    for name, command in subcommands(parser).items():
        yield f"{'#' * level} {command.prog}"
        yield f"{helps[name][:1].upper()}{helps[name][1:]}."
        below = subcommands(command)
        if command.prog == _TYPES:
            yield usage_block(command)
            yield "Each type has a page with its options: [Sources](sources/index.md)."
            continue
        if not below:
            yield usage_block(command)
            if table := options_table(command):
                yield table
            if command.epilog:
                yield f"```text\n{command.epilog.strip()}\n```"
        yield from _sections(command, level + 1)


def _fill(_app: Sphinx, _docname: str, source: list[str]) -> None:
    if MARK in source[0]:
        source[0] = source[0].replace(MARK, reference())


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
