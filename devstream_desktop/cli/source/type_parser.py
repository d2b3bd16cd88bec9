"""The parser of one type of source, from what its collector declares."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap

from devstream_collectors.contract import Collector, Option, SecretPath
from devstream_desktop.cli.arguments import whole

_BRANCHES = "the branches the team watches: names or globs (default: the default branch)"
_MIN_WIDTH = 40


def parser_of(kind: str, about: Collector) -> argparse.ArgumentParser:
    """Return the parser of a type by itself."""
    parser = argparse.ArgumentParser(prog=f"devstream source add {kind}")
    add_type_arguments(parser, about)
    return parser


def add_type_arguments(parser: argparse.ArgumentParser, about: Collector) -> None:
    """Add the options of a type, and what to paste."""
    parser.description = fitted(_description(about), _help_width())
    parser.epilog = fitted(about.setup, _help_width())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", metavar="NAME", help="of a to z, 0 to 9 and -")
    if about.git:
        parser.add_argument("location", metavar="PATH_OR_URL", help="the repository")
    parser.add_argument(
        "--branch", action="extend", nargs="+", default=[], metavar="GLOB", help=_BRANCHES
    )
    default = "the name" if about.git else "what the sender calls it"
    parser.add_argument(
        "--service", default="", help=f"what its lines are about (default: {default})"
    )
    if not about.git:
        parser.add_argument("--environment", default="", help="for events that name no environment")
    _add_webhook(parser, about)
    _add_interval(parser, about)
    _add_poll(parser, about)
    for option in about.options:
        _add_option(parser, option)


def _help_width() -> int:
    """Return the columns that argparse itself fills on this terminal."""
    return shutil.get_terminal_size().columns - 2


def posts_to_secret_path(about: Collector) -> bool:
    """Return true when a secret path can prove the sender."""
    webhook = about.webhook
    return webhook is not None and any(isinstance(way, SecretPath) for way in webhook.auth)


def fitted(text: str, width: int) -> str:
    """Wrap a collector's `setup` to `width`; each of its lines is a paragraph.

    Indented lines stay indented.
    """
    width = max(width, _MIN_WIDTH)
    shown: list[str] = []
    for paragraph in text.splitlines():
        # Under the text behind `  URL      `, or a little further in.
        label = re.match(r" +\S+(?: \S+)*? {2,}(?=\S)", paragraph)
        indent = 2 + len(paragraph) - len(paragraph.lstrip()) if paragraph[:1] == " " else 0
        # What is too long for the place behind its label stands below it.
        if label and len(label[0]) + max(map(len, paragraph[label.end() :].split())) <= width:
            indent = len(label[0])
        # Alone, a long word keeps its place: `wrap` would take its indentation.
        if len(paragraph.split()) == 1:
            shown.append(paragraph)
            continue
        # An empty line separates paragraphs; `wrap` would drop it.
        shown += textwrap.wrap(
            paragraph,
            width,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(shown)


def _description(about: Collector) -> str:
    return (
        f"{about.title}; makes lines of: {', '.join(about.kinds)}" if about.kinds else about.title
    )


def _add_webhook(parser: argparse.ArgumentParser, about: Collector) -> None:
    if about.webhook is None:
        return
    text = "a file with the webhook's secret"
    if posts_to_secret_path(about):
        text += "; without one the path that is printed is the secret"
    parser.add_argument("--secret-file", default="", metavar="F", help=text)
    text = "report the source as silent when nothing was posted for that long"
    parser.add_argument("--silent-after", type=whole, default=0, metavar="SECONDS", help=text)
    if about.poll is not None:
        parser.add_argument("--poll", action="store_true", help="poll instead of receiving posts")
        parser.add_argument("--webhook", action="store_true", help="with --poll: both")


def _add_interval(parser: argparse.ArgumentParser, about: Collector) -> None:
    if about.git is not None:
        local, remote = about.git.local_interval, about.git.interval
        text = f"between polls (default: {local} for a path, {remote} for a URL)"
    elif about.tail is not None:
        text = f"between two reads (default {about.tail.interval})"
    elif about.poll is not None:
        text = f"between polls (default {about.poll.interval})"
    else:
        return
    parser.add_argument("--interval", type=whole, default=0, metavar="SECONDS", help=text)


def _add_poll(parser: argparse.ArgumentParser, about: Collector) -> None:
    if about.poll is None:
        return
    default = f" (default {about.poll.url})" if about.poll.url else ""
    parser.add_argument("--url", default="", help=f"the service's address{default}")
    text = "a file with the token for polling; it is sealed"
    parser.add_argument("--token-file", default="", metavar="F", help=text)
    text = "or the node's environment variable that holds it"
    parser.add_argument("--token-env", default="", metavar="VARIABLE", help=text)
    text = "or a file that the node reads each time"
    parser.add_argument("--token-path", default="", metavar="F", help=text)


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    flag, dest = f"--{option.name.replace('_', '-')}", f"option_{option.name}"
    required = option.needed == "always"
    metavar = "F" if option.kind == "file" else option.name.upper()
    match option.kind:
        case "flag":
            parser.add_argument(flag, dest=dest, action="store_true", help=option.help)
        case "list":
            parser.add_argument(
                flag,
                dest=dest,
                action="extend",
                nargs="+",
                default=[],
                metavar=metavar,
                required=required,
                help=option.help,
            )
        case "whole":
            parser.add_argument(
                flag,
                dest=dest,
                type=whole,
                default=0,
                metavar="N",
                required=required,
                help=option.help,
            )
        case _:
            parser.add_argument(
                flag,
                dest=dest,
                default="",
                metavar=metavar,
                required=required,
                help=option.help,
            )
