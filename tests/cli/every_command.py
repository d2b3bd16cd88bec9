"""Every command of the parser, with arguments that it accepts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from devstream_desktop.cli.parser import whole_parser

WORDS = {
    "moment": "2h",
    "positive": "3",
    "seconds": "1h",
    "whole": "1",
    "int": "1",
    "SHA": "ab" * 20,
    "HOST:PORT": "127.0.0.1:1",
}
"""Values by the name of an argument's type, or by its metavar."""


def leaves(
    parser: argparse.ArgumentParser | None = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Each command that does something, with its parser."""
    parser = parser or whole_parser()
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    for action in below:
        for name, one in action.choices.items():
            yield from leaves(one, (*path, name))
    if not below:
        yield path, parser


def value(action: argparse.Action) -> str:
    if action.choices:
        return str(next(iter(action.choices)))
    kind = getattr(action.type, "__name__", "")
    return WORDS.get(kind) or WORDS.get(str(action.metavar)) or "x"


def needed(parser: argparse.ArgumentParser, word: str = "") -> list[str]:
    """The arguments without which the command is used wrongly; `word` stands for each text."""
    found: list[str] = []
    for action in parser._actions:
        text = value(action)
        text = word if word and text == "x" else text
        if not action.option_strings:
            found += [text] if action.nargs in {None, "+"} else []
        elif action.required:
            found += [action.option_strings[0], text]
    for group in parser._mutually_exclusive_groups:
        if group.required:
            found += [group._group_actions[0].option_strings[0], word or "x"]
    return found
