"""The types of options: durations, moments, counts; and of a group of commands."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, TypeAlias

from devstream_desktop.clock import now_ms
from devstream_desktop.errors import DevstreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from devstream_desktop.cli.commands import CommandParser
    from devstream_desktop.home import Home

Commands: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - it has no public name
"""The object that `add_subparsers` returns."""
Command: TypeAlias = "Callable[[Home, argparse.Namespace], int]"
"""Runs a command for a home; returns its exit code."""


class UsageError(DevstreamError):
    """Words that make no command."""

    exit_code = 2


_FILES = frozenset(
    {
        "home",
        "follow",
        "rules",
        "sample",
        "secret_file",
        "token_file",
        "address_file",
        "file",
        "key_file",
        "creds",
        "ca",
    }
)
"""Options that name a file, whose name may be any bytes."""


def prose(text: str) -> str:
    """Return words for people; a byte that is no UTF-8 is U+FFFD."""
    return os.fsencode(text).decode("utf-8", "replace")


def unreadable(options: argparse.Namespace) -> str:
    """Return the first name that is no text, made readable; empty when all are."""
    for name, value in vars(options).items():
        given = value if isinstance(value, list) else [value]
        for text in given:
            # Python hands on a byte that is no UTF-8 as half a surrogate pair.
            if isinstance(text, str) and name not in _FILES and text != prose(text):
                return prose(text)
    return ""


def seconds(text: str) -> int:
    """Return a duration such as 90s, 30m, 24h or 7d in seconds."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write 90s, 30m, 24h or 7d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


def positive(text: str) -> int:
    """Return a number of rows from 1 to 100000."""
    # isdigit alone accepts digits of other scripts.
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100000")
    return int(text)


def whole(text: str) -> int:
    """Return a whole number of up to eight digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 8):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def add_json(parser: argparse.ArgumentParser, about: str = "print JSON, for scripts") -> None:
    """Add `--json`, which every command has that prints data."""
    parser.add_argument("--json", action="store_true", help=about)


def add_list(commands: Commands, about: str, command: Command) -> None:
    """Add the command `list` of a group."""
    parser = commands.add_parser("list", help=about)
    add_json(parser)
    parser.set_defaults(command=command)


def add_named(
    commands: Commands, verb: str, about: str, command: Command, *, default: str | None = None
) -> None:
    """Add a command of a group about one thing; with `default`, its name may be left out."""
    parser = commands.add_parser(verb, help=about)
    nargs = None if default is None else "?"
    parser.add_argument("name", metavar="NAME", nargs=nargs, default=default)
    parser.set_defaults(command=command)


def add_limit(parser: argparse.ArgumentParser, default: int) -> None:
    """Add `--limit`, the number of lines."""
    about = f"how many (default {default})"
    parser.add_argument("--limit", "-n", type=positive, default=default, metavar="N", help=about)


def moment(text: str) -> int:
    """Return a time such as 2h (ago) or 2026-11-22T18:30, in UTC milliseconds.

    A time without a zone is local.
    """
    # Late, because few commands are given one.
    from devstream_desktop.stream.moment import parse_moment

    try:
        at = parse_moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; write 2h for two hours ago, or 2026-11-22T18:30"
        ) from None
    return at if at > 0 else max(1, now_ms() + at)
