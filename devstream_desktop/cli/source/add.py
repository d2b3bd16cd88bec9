"""`devstream source add`: one command for every type of source."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from devstream_desktop.cli.arguments import Commands
from devstream_desktop.cli.commands import CommandParser, one_liners
from devstream_desktop.cli.node_client import ask, ask_node
from devstream_desktop.cli.streams import print_once
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.home import Home


def add_command(source: Commands) -> None:
    """Add `source add`, whose types are commands of their own."""
    parser = source.add_parser("add", help="add a source")
    parser.arguments = _add_types
    parser.descriptions = _add_titles


def _add_types(parser: CommandParser) -> None:
    from devstream_desktop.node import source_list

    parser.epilog = "`devstream source add TYPE --help` says what to paste into its settings."
    types = parser.add_subparsers(title="types", metavar="TYPE", dest="type", required=True)
    for name, others in source_list.type_names().items():
        # Each type imports its collector, so only the chosen one is filled.
        one = types.add_parser(name, aliases=others, help="")
        one.arguments = partial(_add_type, name)


def _add_titles(parser: CommandParser) -> None:
    from devstream_desktop.node import source_list

    for type_ in one_liners(parser):
        type_.help = source_list.title(type_.dest)


def _add_type(kind: str, parser: argparse.ArgumentParser) -> None:
    # Here and in its function late: a source that is listed or removed needs no collector.
    from devstream_desktop.cli.source.type_parser import add_type_arguments
    from devstream_desktop.node import source_list

    add_type_arguments(parser, source_list.describe(kind))
    parser.set_defaults(command=partial(add, parser))


def add(parser: argparse.ArgumentParser, home: Home, options: argparse.Namespace) -> int:
    """Add a source of any type; `parser` is the type's."""
    from devstream_desktop.cli.source.request import request_of
    from devstream_desktop.node import source_list

    request = request_of(parser, options.type, source_list.describe(options.type), options)
    # Here too, because the sentence names what is right, and a node would only see a request
    # that it cannot read.
    source_list.check(request.source)
    home.create()
    path = ask(home, request).text
    if not path:
        print(f"source {request.source.name} is added")
        return 0
    # Alone on standard output, so that a script can read it; it may be the source's secret.
    print_once(path)
    print(f"devstream: {_advice(home, path)}", file=sys.stderr)
    return 0


def _advice(home: Home, path: str) -> str:
    """Return the address for the sender, or what is missing for one."""
    try:
        intake = ask_node(home, GetStatus()).intake
    except NoNodeError:
        return (
            "start the node with --intake HOST:PORT, and give the sender that address "
            "with this path behind it"
        )
    if not intake:
        return (
            "this node receives no webhooks yet: start it again with --intake HOST:PORT, "
            "or write listen under [intake] in settings.toml"
        )
    return (
        f"webhooks are received at {intake}{path}; give the sender this address, "
        "or the one that your proxy has for it"
    )
