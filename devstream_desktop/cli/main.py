"""The command line: what there is to type, and how errors are told."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

from devstream_desktop import __version__, machine
from devstream_desktop.cli import adding, deploying, doctor, key_file, lines, nodes, rules, sources, status
from devstream_desktop.cli.arguments import Commands, positive
from devstream_desktop.cli.team_parser import add_team
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.stream.words import STATES, Kind, Severity

Command = Callable[[Home, argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = build_parser()
    options = parser.parse_args(argv)
    command: Command = options.command
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where a terminal's encoding lacks a sign, a question mark stands for it.
        sys.stdout.reconfigure(errors="replace")
    try:
        home = Home.choose(options.home)
        key_file.choose(home, agreed=options.allow_key_file)
        return command(home, options)
    except DevstreamError as error:
        print(f"devstream: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (`| head`) has what it wants; what is buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        print(f"devstream: {error.filename} cannot be used: {machine.reason(error)}; see devstream doctor", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Every command and option; also what tests compare the documentation with."""
    parser = argparse.ArgumentParser(
        prog="devstream",
        description="One sparse, live, peer-to-peer stream of what a team ships and breaks. Without a command: the tray.",
    )
    parser.add_argument("--home", metavar="DIR", help="the folder of this node (default: $DEVSTREAM_HOME, else the user's data folder)")
    parser.add_argument("--version", action="version", version=f"devstream {__version__}")
    parser.add_argument(
        "--allow-key-file",
        action="store_true",
        help="where no keyring can be used, keep the key that seals this node's secrets in the file HOME/key (readable by you alone)",
    )
    parser.set_defaults(command=nodes.desk)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    add_team(commands)
    _add_node(commands)
    _add_sources(commands)
    _add_emit(commands)
    _add_reading(commands)
    _add_duty(commands)
    _add_deploy(commands)
    _add_status(commands)
    return parser


def _add_node(commands: Commands) -> None:
    node = commands.add_parser("node", help="run this home's node without a screen")
    node.add_argument("--listen", default="", metavar="HOST:PORT", help="where peers connect")
    node.add_argument("--peer", action="append", default=[], metavar="HOST:PORT", help="a peer to dial; may be given again")
    node.add_argument("--no-discovery", action="store_true", help="do not look for peers on the local network")
    node.add_argument("--intake", default="", metavar="HOST:PORT", help="where webhooks come in (on a collector)")
    node.add_argument("--solo", action="store_true", help="found a team of one when this home has no team")
    node.add_argument("--follow", default="", metavar="DIR", help="the git repository that a team of one follows")
    node.add_argument("--verbose", action="store_true", help="log to standard error too")
    node.set_defaults(command=nodes.node)


def _add_sources(commands: Commands) -> None:
    source = commands.add_parser("source", help="what the collector takes in").add_subparsers(
        title="source commands", metavar="COMMAND", required=True
    )
    add = source.add_parser("add", help="add a source", add_help=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    add.add_argument("-h", "--help", action=adding.TypesHelp, nargs=0, help="show this help with every type, and exit")
    add.add_argument("type", metavar="TYPE", help="the name of a collector")
    add.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="what a source of that type needs: TYPE --help")
    add.set_defaults(command=adding.add)

    listing = source.add_parser("list", help="every source and how it is")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(command=sources.listing)

    test = source.add_parser("test", help="send a test event through a source and say how far it got")
    test.add_argument("name", metavar="NAME")
    test.set_defaults(command=sources.test)

    remove = source.add_parser("remove", help="take nothing in from a source any more")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(command=sources.remove)

    trying = commands.add_parser("rules", help="your own mapping for senders that no collector knows").add_subparsers(
        title="rules commands", metavar="COMMAND", required=True
    )
    tried = trying.add_parser("test", help="show which rule a sample meets, what it takes from it, and the line")
    tried.add_argument("rules", metavar="RULES.toml", help="a rules file; examples are in resources/rules")
    tried.add_argument("sample", metavar="SAMPLE", help="a file with the JSON that the sender posts")
    tried.add_argument("--json", action="store_true")
    tried.set_defaults(command=rules.test)


def _add_emit(commands: Commands) -> None:
    states = "; ".join(f"{kind}: {' '.join(names)}" for kind, names in STATES.items())
    emit = commands.add_parser("emit", help="put one event into the stream, from a script", epilog=f"states: {states}")
    emit.add_argument("--kind", required=True, help=", ".join(Kind))
    emit.add_argument("--state", required=True)
    emit.add_argument("--service", required=True, help="what it is about, such as shop")
    emit.add_argument("--environment", default="")
    emit.add_argument("--ref", default="", help="branch or tag")
    emit.add_argument("--revision", default="", metavar="SHA")
    emit.add_argument("--actor", default="", help="who did it")
    emit.add_argument("--title", default="", help="one line; more is cut")
    emit.add_argument("--url", default="")
    emit.add_argument("--severity", default="", help=", ".join(severity.word for severity in Severity))
    emit.add_argument("--subject", default="", metavar="ID", help="what the row is about, where later events must find it again")
    emit.set_defaults(command=lines.emit)


def _add_reading(commands: Commands) -> None:
    tail = commands.add_parser("tail", help="the newest lines")
    tail.add_argument("--json", action="store_true", help="one JSON object a line")
    tail.add_argument("--follow", "-f", action="store_true", help="go on with what comes")
    tail.add_argument("--limit", "-n", type=positive, default=20, metavar="N", help="how many (default 20)")
    tail.set_defaults(command=lines.tail)

    search = commands.add_parser("search", help="find lines: words, and kind: state: env: service: filters")
    search.add_argument("query", nargs="+", metavar="QUERY")
    search.add_argument("--json", action="store_true", help="one JSON object a line")
    search.add_argument("--limit", "-n", type=positive, default=50, metavar="N", help="how many (default 50)")
    search.set_defaults(command=lines.search)


def _add_duty(commands: Commands) -> None:
    duty = commands.add_parser("duty", help="go on or off duty, or say who is")
    duty.add_argument("what", choices=["on", "off", "show"])
    duty.add_argument("--json", action="store_true", help="for show")
    duty.set_defaults(command=lines.duty)


def _add_deploy(commands: Commands) -> None:
    deploy = commands.add_parser("deploy", help="deploy a commit; everybody sees it")
    deploy.add_argument("target", metavar="TARGET")
    deploy.add_argument("environment", metavar="ENVIRONMENT")
    which = deploy.add_mutually_exclusive_group(required=True)
    which.add_argument("--ref", default="", help="the newest commit of this branch, as the stream knows it")
    which.add_argument("--sha", default="", help="exactly this commit")
    deploy.add_argument("--reason", default="")
    deploy.add_argument("--yes", action="store_true", help="do not ask")
    deploy.add_argument("--no-wait", action="store_true", help="do not wait for the result")
    deploy.set_defaults(command=deploying.deploy)


def _add_status(commands: Commands) -> None:
    how = commands.add_parser("status", help="is it working, and if not, why")
    how.add_argument("--json", action="store_true")
    how.set_defaults(command=status.status)

    check = commands.add_parser("doctor", help="look for what is wrong on this machine; says what to do, and ends with 1 when something is")
    check.add_argument("--json", action="store_true")
    check.set_defaults(command=doctor.doctor)
