"""`devstream out`: the stream posted to other services, or read by them as a feed."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.arguments import UsageError, add_list, add_named
from devstream_desktop.cli.commands import CommandParser
from devstream_desktop.cli.given_file import read_text
from devstream_desktop.cli.node_client import ask, ask_node
from devstream_desktop.cli.output import print_list
from devstream_desktop.cli.status import outlet_line
from devstream_desktop.cli.streams import print_once
from devstream_desktop.clock import now_ms
from devstream_desktop.control.errors import NodeStoppedError, NoNodeError
from devstream_desktop.control.messages.sealed import AddOutlet, TryOutlet
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.outlet.config import FORMS, Outlet, outlets
from devstream_desktop.stream.text import flat

_WIDTH = 500


def add_arguments(parser: CommandParser) -> None:
    """Add the commands of `out`."""
    out = parser.add_subparsers(title="out commands", metavar="COMMAND", required=True)
    parser = out.add_parser("add", help="post new lines to an address, or serve a feed")
    parser.add_argument("name", metavar="NAME")
    about = (
        "a file with the address to post to (- is standard input); it is often a secret; "
        "not for a feed"
    )
    parser.add_argument("--address-file", metavar="FILE", help=about)
    about = (
        "cloudevents: all fields, signed as Standard Webhooks say; "
        "chat: a text, for Slack, Mattermost, Rocket.Chat and Matrix; "
        "atom: a feed that is read at this node (default: cloudevents)"
    )
    parser.add_argument("--form", choices=FORMS, default="cloudevents", help=about)
    about = "only lines that this search finds, as in the history (default: all)"
    parser.add_argument("--search", metavar="SEARCH", default="", help=about)
    about = (
        "a file with the key that signs, or the token of a feed "
        "(default for cloudevents and atom: one is made and printed)"
    )
    parser.add_argument("--secret-file", metavar="FILE", help=about)
    parser.set_defaults(command=create)
    add_list(out, "every outlet and how it goes", show)
    add_named(out, "test", "post a line of a test, or read the feed", test)
    add_named(out, "remove", "post no more, and forget the address", remove)


def create(home: Home, options: argparse.Namespace) -> int:
    """Add an outlet; a running node serves it within seconds."""
    outlet = Outlet(options.name, options.form, options.search)
    if not outlet.is_feed and not options.address_file:
        raise UsageError("give --address-file FILE with the address to post to")
    address = read_text(options.address_file).strip() if options.address_file else ""
    key = read_text(options.secret_file).strip() if options.secret_file else ""
    home.create()
    # The key that seals may be the running node's alone, as a service's is.
    made = ask(
        home,
        AddOutlet(
            name=options.name,
            form=options.form,
            search=options.search,
            address=address,
            key=key,
        ),
    ).text
    if outlet.is_feed:
        base, missing = _base(home)
        print(f"added {options.name}; its address holds the token and is not shown again:")
        print_once(f"{base}{outlet.path}/{made}")
        if missing:
            print(missing)
    else:
        print(f"added {options.name}: a running node posts new lines to it")
        if made and not key:
            print_once(f"give the service this key, it is not shown again: {made}")
    print(f"try it: devstream out test {options.name}")
    return 0


def show(home: Home, options: argparse.Namespace) -> int:
    """Print every outlet and how it goes."""
    # A file that cannot be read is said here, and not told as a home without outlets.
    outlets(home).load()
    found = ask(home, GetStatus()).outlets
    lines = (flat(outlet_line(one, now_ms()), _WIDTH) for one in found)
    print_list(options, found, lines, "no outlets; devstream out add")
    return 0


def test(home: Home, options: argparse.Namespace) -> int:
    """Post a line of a test, or read a feed."""
    if outlets(home).find(options.name).is_feed:
        _intake(home)
    try:
        print(ask_node(home, TryOutlet(name=options.name)).text)
    except NodeStoppedError:
        raise
    except NoNodeError:
        from devstream_desktop.node.outlets import try_outlet

        print(try_outlet(home, None, options.name, ""))
    return 0


def remove(home: Home, options: argparse.Namespace) -> int:
    """Remove an outlet."""
    from devstream_desktop.node.outlets import remove_outlet

    remove_outlet(home, options.name)
    print(f"removed {options.name}")
    return 0


def _base(home: Home) -> tuple[str, str]:
    """Return the address before a feed's path, or else what is missing."""
    try:
        return _intake(home), ""
    except DevstreamError as error:
        return "", str(error)


def _intake(home: Home) -> str:
    try:
        intake = ask_node(home, GetStatus()).intake
    except NoNodeError:
        raise DevstreamError("a feed is read at a node that runs with --intake HOST:PORT") from None
    if not intake:
        raise DevstreamError(
            "this node has no port for a feed yet: start it again with --intake HOST:PORT, "
            "or write listen under [intake] in settings.toml"
        )
    return intake
