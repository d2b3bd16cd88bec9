"""`devstream carrier`: a broker that carries the stream between sites, beside gossip."""

from __future__ import annotations

import argparse
from pathlib import Path

from devstream_desktop.cli.arguments import add_list, add_named, positive
from devstream_desktop.cli.commands import CommandParser
from devstream_desktop.cli.given_file import read_text
from devstream_desktop.cli.node_client import ask, ask_node
from devstream_desktop.cli.output import print_list
from devstream_desktop.cli.status import carrier_line
from devstream_desktop.clock import now_ms
from devstream_desktop.control.errors import NodeStoppedError, NoNodeError
from devstream_desktop.control.messages.sealed import AddCarrier, TryCarrier
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.stream.text import flat

_WIDTH = 500


def add_arguments(parser: CommandParser) -> None:
    """Add the commands of `carrier`."""
    commands = parser.add_subparsers(title="carrier commands", metavar="COMMAND", required=True)
    parser = commands.add_parser("add", help="carry the stream over a cluster of NATS servers")
    parser.add_argument("kind", metavar="KIND", choices=["nats"], help="nats, for NATS JetStream")
    about = "the servers of the cluster, such as tls://nats.example.org:4222"
    parser.add_argument("urls", metavar="URL", nargs="+", help=about)
    about = (
        "a file with the credentials (- is standard input): .creds as nsc makes them, or the "
        "seed of an nkey; they are kept sealed"
    )
    parser.add_argument("--creds", metavar="FILE", help=about)
    about = "the authority of the servers' certificates (default: this machine's authorities)"
    parser.add_argument("--ca", metavar="FILE", help=about)
    about = "copies of the stream on different servers, where it has to be made (default: 1)"
    parser.add_argument("--replicas", metavar="COUNT", type=positive, default=1, help=about)
    about = "send only this device's own events, where the server allows it no others"
    parser.add_argument("--own-only", action="store_true", help=about)
    about = (
        "one node of those that name the same site reads and sends for all of them; they must be "
        "linked by gossip (default: each node for itself)"
    )
    parser.add_argument("--site", metavar="NAME", default="", help=about)
    parser.set_defaults(command=create)
    add_list(commands, "every carrier and how it goes", show)
    about = "connect, and look at rights and streams"
    add_named(commands, "test", about, test, default="nats")
    parser = commands.add_parser(
        "authorities", help="print the team's authorities, for a server that asks who comes"
    )
    parser.set_defaults(command=show_authorities)
    add_named(commands, "remove", "carry no more, and forget the credentials", remove)


def create(home: Home, options: argparse.Namespace) -> int:
    """Add a carrier; a running node uses it within seconds."""
    asked = AddCarrier(
        kind=options.kind,
        urls=tuple(options.urls),
        ca=str(Path(options.ca).absolute()) if options.ca else "",
        replicas=options.replicas,
        relay=not options.own_only,
        site=options.site,
        credentials=read_text(options.creds).strip() if options.creds else "",
    )
    home.create()
    # The key that seals may be the running node's alone, as a service's is.
    ask(home, asked)
    print(f"added {options.kind}: a running node carries the stream over it as well")
    print("try it: devstream carrier test")
    return 0


def show_authorities(home: Home, options: argparse.Namespace) -> int:
    """Print the authorities of the team's certificates, PEM."""
    from devstream_desktop.node.carriers import authorities

    del options
    print(authorities(home), end="")
    return 0


def show(home: Home, options: argparse.Namespace) -> int:
    """Print every carrier and how it goes."""
    found = ask(home, GetStatus()).carriers
    lines = (flat(carrier_line(one, now_ms()), _WIDTH) for one in found)
    print_list(options, found, lines, "no carriers; devstream carrier add")
    return 0


def test(home: Home, options: argparse.Namespace) -> int:
    """Connect as the node does; exit 1 where something is not as it should be."""
    remarks = _remarks(home, options.name)
    if remarks:
        raise DevstreamError(f"{options.name} answers, but {'; '.join(remarks)}")
    print(f"{options.name} works: this device may read the streams and send to them")
    return 0


def _remarks(home: Home, name: str) -> list[str]:
    try:
        return ask_node(home, TryCarrier(name=name)).text.splitlines()
    except NodeStoppedError:
        raise
    except NoNodeError:
        from devstream_desktop.node.carriers import try_carrier

        return try_carrier(home, None, name)


def remove(home: Home, options: argparse.Namespace) -> int:
    """Remove a carrier."""
    from devstream_desktop.node.carriers import remove_carrier

    remove_carrier(home, options.name)
    print(f"removed {options.name}; what its stream holds stays there until it is too old")
    return 0
