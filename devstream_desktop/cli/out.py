"""`devstream out`: the stream posted to other services."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from devstream_desktop import machine
from devstream_desktop.cli.output import print_json
from devstream_desktop.cli.streams import print_once
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.outlet.config import FORMS, Outlet, load, read_state
from devstream_desktop.stream.text import clean


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An outlet and how it goes."""

    name: str
    host: str
    form: str
    search: str
    posted: int
    refused: int
    late: int
    """Lines that waited for more than a day and were left out."""
    trouble: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `out`."""
    out = parser.add_subparsers(title="out commands", metavar="COMMAND", required=True)
    parser = out.add_parser("add", help="post new lines to an address from now on")
    parser.add_argument("name", metavar="NAME")
    about = "a file with the address to post to (- is standard input); it is often a secret"
    parser.add_argument("--address-file", metavar="FILE", required=True, help=about)
    about = (
        "cloudevents: all fields, signed as Standard Webhooks say; "
        "chat: a text, for Slack, Mattermost, Rocket.Chat and Matrix (default: cloudevents)"
    )
    parser.add_argument("--form", choices=FORMS, default="cloudevents", help=about)
    about = "only lines that this search finds, as in the history (default: all)"
    parser.add_argument("--search", metavar="SEARCH", default="", help=about)
    about = "a file with the key that signs (default for cloudevents: one is made and printed)"
    parser.add_argument("--secret-file", metavar="FILE", help=about)
    parser.set_defaults(command=create)
    parser = out.add_parser("list", help="every outlet and how it goes")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=show)
    parser = out.add_parser("test", help="post a line of a test")
    parser.add_argument("name", metavar="NAME")
    parser.set_defaults(command=test)
    parser = out.add_parser("remove", help="post no more, and forget the address")
    parser.add_argument("name", metavar="NAME")
    parser.set_defaults(command=remove)


def create(home: Home, options: argparse.Namespace) -> int:
    """Add an outlet; a running node posts to it within seconds."""
    # Late, because `out list` opens no keys.
    from devstream_desktop.node.outlets import add_outlet

    key = _read(options.secret_file) if options.secret_file else ""
    outlet = Outlet(options.name, options.form, options.search)
    target = add_outlet(home, outlet, _read(options.address_file), key)
    print(f"added {options.name}: a running node posts new lines to it")
    if target.key and not key:
        print_once(f"give the service this key, it is not shown again: {target.key}")
    print(f"try it: devstream out test {options.name}")
    return 0


def show(home: Home, options: argparse.Namespace) -> int:
    """Print every outlet and how it goes."""
    found = []
    for outlet in load(home):
        state = read_state(home, outlet)
        found.append(
            Shown(
                name=outlet.name,
                host=outlet.host,
                form=outlet.form,
                search=outlet.search,
                posted=state.posted,
                refused=state.refused,
                late=state.late,
                trouble=state.trouble,
            )
        )
    if options.json:
        print_json(found)
        return 0
    for one in found:
        parts = [one.form, f"to {one.host}", f"posted {one.posted}"]
        parts += [f"search {one.search}"] if one.search else []
        parts += [f"refused {one.refused}"] if one.refused else []
        parts += [f"left out after a day {one.late}"] if one.late else []
        parts += [one.trouble] if one.trouble else []
        print(f"{one.name}  {clean(' · '.join(parts), 400)}")
    if not found:
        print("no outlets; devstream out add")
    return 0


def test(home: Home, options: argparse.Namespace) -> int:
    """Post a line of a test."""
    from devstream_desktop.node.outlets import try_outlet

    try_outlet(home, options.name)
    print(f"{options.name} took it")
    return 0


def remove(home: Home, options: argparse.Namespace) -> int:
    """Remove an outlet."""
    from devstream_desktop.node.outlets import remove_outlet

    remove_outlet(home, options.name)
    print(f"removed {options.name}")
    return 0


def _read(file: str) -> str:
    try:
        return (sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = machine.reason(error) if isinstance(error, OSError) else "it is no text"
        raise DevstreamError(f"{file} cannot be read: {reason}") from None
