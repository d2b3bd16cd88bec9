"""The command line: what there is to type, and how errors are told."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence

from devstream_desktop import __version__
from devstream_desktop.cli import adding, deploying, doctor, lines, nodes, rules, sources, status, teams
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.stream.words import STATES, Kind, Role, Severity

Command = Callable[[Home, argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = build_parser()
    options = parser.parse_args(argv)
    command: Command = options.command
    try:
        return command(Home.choose(options.home), options)
    except DevstreamError as error:
        print(f"devstream: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has what it wants; what is buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


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
    _add_team(commands)
    _add_node(commands)
    _add_sources(commands)
    _add_emit(commands)
    _add_reading(commands)
    _add_duty(commands)
    _add_deploy(commands)
    _add_status(commands)
    return parser


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for what add_subparsers returns


def _add_team(commands: _Commands[argparse.ArgumentParser]) -> None:
    team = commands.add_parser("team", help="found, invite, join, grant").add_subparsers(
        title="team commands", metavar="COMMAND", required=True
    )

    create = team.add_parser("create", help="found a team; this device becomes its admin, collector and executor")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--person", required=True, help="your name in the team")
    create.set_defaults(command=teams.create)

    invite = team.add_parser("invite", help="print one line for a colleague to paste; it works once")
    invite.add_argument(
        "--expires", type=seconds, default=86_400, metavar="24h", help="how long it can be used: 30m, 24h, 7d (default 24h)"
    )
    invite.add_argument(
        "--address", default="", metavar="HOST:PORT", help="where the joining device reaches this one, when it is not plain"
    )
    invite.set_defaults(command=teams.invite)

    join = team.add_parser("join", help="join the team that an invite is for")
    join.add_argument("invite", metavar="INVITE")
    join.add_argument("--person", required=True, help="your name in the team")
    join.set_defaults(command=teams.join)

    grant = team.add_parser("grant", help="give a person a role (collector and executor go to the person's devices)")
    grant.add_argument("person", metavar="PERSON")
    grant.add_argument("role", metavar="ROLE", choices=[role.value for role in Role], help=", ".join(Role))
    grant.add_argument("pattern", nargs="?", default="", metavar="TARGET/ENVIRONMENT", help="for deployer and approver; * matches anything")
    grant.set_defaults(command=teams.grant)

    members = team.add_parser("members", help="who is in the team, and their roles")
    members.add_argument("--json", action="store_true")
    members.set_defaults(command=teams.members)


def _add_node(commands: _Commands[argparse.ArgumentParser]) -> None:
    node = commands.add_parser("node", help="run this home's node without a screen")
    node.add_argument("--listen", default="", metavar="HOST:PORT", help="where peers connect")
    node.add_argument("--peer", action="append", default=[], metavar="HOST:PORT", help="a peer to dial; may be given again")
    node.add_argument("--no-discovery", action="store_true", help="do not look for peers on the local network")
    node.add_argument("--intake", default="", metavar="HOST:PORT", help="where webhooks come in (on a collector)")
    node.add_argument("--solo", action="store_true", help="found a team of one when this home has no team")
    node.add_argument("--follow", default="", metavar="DIR", help="the git repository that a team of one follows")
    node.add_argument("--verbose", action="store_true", help="log to standard error too")
    node.set_defaults(command=nodes.node)


def _add_sources(commands: _Commands[argparse.ArgumentParser]) -> None:
    source = commands.add_parser("source", help="what the collector takes in").add_subparsers(
        title="source commands", metavar="COMMAND", required=True
    )
    add = source.add_parser("add", help="add a source", add_help=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    add.add_argument("-h", "--help", action=adding.TypesHelp, nargs=0, help="show this help with every type, and exit")
    add.add_argument("type", metavar="TYPE", help="git, or the name of a collector")
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


def _add_emit(commands: _Commands[argparse.ArgumentParser]) -> None:
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


def _add_reading(commands: _Commands[argparse.ArgumentParser]) -> None:
    tail = commands.add_parser("tail", help="the newest lines")
    tail.add_argument("--json", action="store_true", help="one JSON object a line")
    tail.add_argument("--follow", "-f", action="store_true", help="go on with what comes")
    tail.add_argument("--limit", "-n", type=positive, default=20, metavar="N", help="how many (default 20)")
    tail.set_defaults(command=lines.tail)

    search = commands.add_parser("search", help="find lines: words, and kind: env: service: filters")
    search.add_argument("query", nargs="+", metavar="QUERY")
    search.add_argument("--json", action="store_true", help="one JSON object a line")
    search.add_argument("--limit", "-n", type=positive, default=50, metavar="N", help="how many (default 50)")
    search.set_defaults(command=lines.search)


def _add_duty(commands: _Commands[argparse.ArgumentParser]) -> None:
    duty = commands.add_parser("duty", help="go on or off duty, or say who is")
    duty.add_argument("what", choices=["on", "off", "show"])
    duty.set_defaults(command=lines.duty)


def _add_deploy(commands: _Commands[argparse.ArgumentParser]) -> None:
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


def _add_status(commands: _Commands[argparse.ArgumentParser]) -> None:
    how = commands.add_parser("status", help="is it working, and if not, why")
    how.add_argument("--json", action="store_true")
    how.set_defaults(command=status.status)

    check = commands.add_parser("doctor", help="look for what is wrong on this machine; says what to do, and ends with 1 when something is")
    check.add_argument("--json", action="store_true")
    check.set_defaults(command=doctor.doctor)


def seconds(text: str) -> int:
    """A duration such as 90s, 30m, 24h or 7d, in seconds."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write 90s, 30m, 24h or 7d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


def positive(text: str) -> int:
    """A number of rows from 1 to 100000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100000")
    return int(text)
