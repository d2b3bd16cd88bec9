"""The parser as data: for the manual pages, the documentation and the completion."""

from __future__ import annotations

import argparse
from typing import NamedTuple

_SELF_EVIDENT = (argparse._HelpAction, argparse._VersionAction, argparse._SubParsersAction)  # noqa: SLF001


class Argument(NamedTuple):
    """One option or operand of a command."""

    flags: tuple[str, ...]
    """Empty for an operand."""
    value: str
    """A name for its value; empty for a switch."""
    about: str
    """One sentence, perhaps empty."""


def arguments(parser: argparse.ArgumentParser) -> list[Argument]:
    """Return the arguments of a command in the order of its help."""
    return [
        Argument(tuple(one.option_strings), _value(one), _about(parser, one))
        for one in parser._actions  # noqa: SLF001 - argparse has no public name for them
        if not isinstance(one, _SELF_EVIDENT) and one.help is not argparse.SUPPRESS
    ]


def usage(parser: argparse.ArgumentParser, width: int) -> str:
    """Return how the command is written, in lines of `width` columns."""
    formatter = argparse.HelpFormatter(parser.prog, width=width)
    groups = parser._mutually_exclusive_groups  # noqa: SLF001
    formatter.add_usage(parser.usage, parser._actions, groups, prefix="")  # noqa: SLF001
    return formatter.format_help().rstrip()


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices:
        return "/".join(str(choice) for choice in action.choices)
    return action.dest.upper() if action.option_strings else action.dest


def _about(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = (action.help or "") % {"prog": parser.prog, "default": action.default}
    return f"{text} (needed)".strip() if action.required and action.option_strings else text
