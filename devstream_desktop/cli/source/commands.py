"""`devstream source list`, `test`, `unmatched` and `remove`."""

from __future__ import annotations

import argparse

import msgspec

from devstream_desktop.cli.arguments import Commands, add_json, add_list, add_named, whole
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_json, print_list
from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.sources import (
    GetUnmatched,
    ProbeSource,
    RemoveSource,
    UnmatchedBody,
)
from devstream_desktop.control.messages.status import GetStatus, SourceStatus
from devstream_desktop.control.node_words import RECEIVES_NOTHING
from devstream_desktop.control.wording import untold
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.stream.text import clean, duration


def add_commands(source: Commands) -> None:
    """Add the commands about sources that are there."""
    add_list(source, "every source and its state", show)
    about = "send a test event through a source and say how far it got"
    add_named(source, "test", about, test)
    about = "the last posts that made no line because nothing knew them, without secrets"
    parser = source.add_parser("unmatched", help=about)
    about = "of this source (default: of all)"
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help=about)
    about = "print the body of this number, for `devstream rules new`"
    parser.add_argument("number", metavar="NUMBER", nargs="?", type=whole, default=0, help=about)
    add_json(parser)
    parser.set_defaults(command=unmatched)
    add_named(source, "remove", "remove a source", remove)


def show(home: Home, options: argparse.Namespace) -> int:
    """Print every source and its state."""
    status = ask(home, GetStatus())
    found = status.sources
    if not found and (trouble := next(filter(_is_trouble, status.notices), "")):
        raise DevstreamError(trouble)
    none = "there is no source yet; add one: devstream source add git NAME PATH_OR_URL"
    print_list(options, found, map(_described, found), none)
    return 0


def _is_trouble(notice: str) -> bool:
    return notice.startswith(RECEIVES_NOTHING.partition("{")[0])


def _described(source: SourceStatus) -> str:
    # Late, here and below: a source that is added or removed needs no events.
    from devstream_desktop.stream.record import timestamp

    # Only what is set, because a healthy source should fit one line.
    heard = timestamp(source.seen) if source.seen else "never"
    expected = f" (expected every {duration(source.expected * 1000)})" if source.expected else ""
    silent = untold(source, now_ms())
    counts = f", {silent}" if silent else ""
    about = f"{source.events:6} events{counts}, last heard {heard}{expected}"
    ends = f"  token ends {timestamp(source.token_ends)[:10]}" if source.token_ends else ""
    error = f"  {source.error}" if source.error else ""
    name = f"{source.name:20} {source.type:12} {source.state:7}"
    return f"{name} {about}  {source.location}{ends}{error}"


def test(home: Home, options: argparse.Namespace) -> int:
    """Send a test event through a source."""
    print(ask(home, ProbeSource(name=options.name)).text)
    return 0


def unmatched(home: Home, options: argparse.Namespace) -> int:
    """List the posts that nothing knew, or print the body of one."""
    bodies = ask(home, GetUnmatched(name=options.name)).bodies
    if options.number:
        if options.number > len(bodies):
            raise DevstreamError(f"there are {len(bodies)} such posts; give a number of the list")
        print(_sample(bodies[options.number - 1]))
        return 0
    if options.json:
        print_json(bodies)
        return 0
    from devstream_desktop.stream.record import timestamp

    for number, one in enumerate(bodies, 1):
        detail = f" ({clean(one.detail, 60)})" if one.detail else ""
        start = clean(one.body, 60)
        print(
            f"{number:2}  {one.source:20} {timestamp(one.received)}  {one.reason}{detail}  {start}"
        )
    if bodies:
        name = bodies[0].source
        print(f"devstream source unmatched {name} 1 > sample.json; devstream rules new sample.json")
    else:
        print("every post was known")
    return 0


def _sample(one: UnmatchedBody) -> str:
    """Write a body with its headers, as the `rules` commands read it."""
    document = msgspec.json.decode(one.body)
    if isinstance(document, dict) and one.headers:
        document["_headers"] = one.headers
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def remove(home: Home, options: argparse.Namespace) -> int:
    """Remove a source."""
    print(ask(home, RemoveSource(name=options.name)).text)
    return 0
