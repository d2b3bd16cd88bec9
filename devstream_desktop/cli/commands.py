"""The table of commands, whose modules are imported when they are needed.

The libraries behind most commands take longer to import than the command takes to run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from keyword import iskeyword
from types import MappingProxyType
from typing import Any, Protocol, cast

from devstream_desktop.errors import DevstreamError
from devstream_desktop.structs import load_msgspec

COMMANDS = {
    # In the order in which a person needs them.
    "team": "who is in the team, and who may do what",
    "node": "run this home's node without a screen",
    "source": "the sources of this collector",
    "rules": "your own mapping, for senders that no collector knows",
    "out": "post the stream, or what a search finds of it, to another service",
    "carrier": "a broker that carries the stream between sites, beside gossip",
    "emit": "publish one event, from a script",
    "tail": "show the newest lines",
    "search": "find lines: words, and filters such as env:production or is:red",
    "red": "show what is broken now, since when, and who is on it",
    "claim": "say that you are on it, or no more",
    "note": "say one line about a thing to everybody, or ask somebody to take over",
    "mute": "keep a thing quiet on this desk for a while",
    "why": "say why a line did or did not pop up",
    "board": "show what runs where, and what waits",
    "digest": "show what to know when you come on duty",
    "trail": "show a commit from change to consequence",
    "where": "show where a commit is by now",
    "export": "print every line that a search finds, as JSON, CSV or CDEvents",
    "import": "take lines of another home in, as history",
    "duty": "go on or off duty, or show who is on duty",
    "deploy": "deploy a commit; everybody sees it; deploy log prints what one said",
    "rollback": "go back to the last commit that was deployed there with success",
    "promote": "deploy what runs on the environment before",
    "deploys": "what runs and waits, what is locked, and the last of each environment",
    "approve": "say yes to a deploy that waits for a second person",
    "withdraw": "take back a deploy that has not begun",
    "cancel": "end a deploy that runs or waits",
    "lock": "let nobody else deploy, with a reason that everybody reads",
    "unlock": "end a lock; another's needs a reason",
    "audit": "every signed event of deploys, verified offline, and what is missing",
    "can-i": "whether a deploy would be taken now, and why not",
    "target": "what this executor can deploy",
    "secret": "the credentials that this executor's targets name",
    "status": "show whether it works, and if not, why",
    "doctor": "look for what is wrong on this machine and say what to do; exit 1 for a problem",
    "backup": "save this home to one file, while its node runs",
    "restore": "make a fresh home from a backup",
    "paths": "show where the home and the examples are",
    "install-desktop": "menu entry, icon, start at login, completion and manual for this user",
    "completion": "print a script that lets a shell complete every command",
    "man": "print the manual page of a command, or write all pages into a folder",
}
"""Names and one-liners. The module of this name (`_` for `-`, `import_`) is a `CommandModule`."""


SECOND = {"deploy": {"log": "deploy_log"}}
"""Commands of two words, by the first, with their modules.

Such a command takes names of its own, which leave no room for sub-commands.
"""


class CommandModule(Protocol):
    """A module with a command and its part of the parser."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments, and `command` as a default: its function."""


class CommandParser(argparse.ArgumentParser):
    """A parser that gets its arguments when they are needed."""

    arguments: Callable[[CommandParser], None] | None = None
    """Adds them; None when it has."""
    descriptions: Callable[[CommandParser], None] | None = None
    """Adds what only a reader of the help needs; None when it has."""

    second: Mapping[str, str] = MappingProxyType({})
    """The words of `SECOND` for this command, with their modules."""

    @staticmethod
    def is_first(args: Sequence[str]) -> bool:
        """Tell whether such a word is a name all the same."""
        return any(one.startswith(("--ref", "--sha")) for one in args)

    def fill(self) -> None:
        """Add the arguments, once."""
        add, self.arguments = self.arguments, None
        if add is not None:
            add(self)

    def describe(self) -> None:
        """Add the arguments, and what only a reader needs, once."""
        self.fill()
        add, self.descriptions = self.descriptions, None
        if add is not None:
            add(self)

    def format_help(self) -> str:
        """Return the help as the base class does, with all descriptions."""
        self.describe()
        return super().format_help()

    def parse_known_args(  # type: ignore[override] # the overloads of the base say no more
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parse as the base class does, with all arguments."""
        self.fill()
        if args and args[0] in self.second and not self.is_first(args):
            name = args[0]
            second = CommandParser(prog=f"{self.prog} {name}")
            _add_arguments(self.second[name], second)
            return second.parse_known_args(args[1:], namespace)
        return super().parse_known_args(args, namespace)


class _Parsers(Mapping[str, CommandParser]):
    """The parser of each command, made when it is asked for."""

    def __init__(self, prog: str) -> None:
        self._prog = prog
        self._made: dict[str, CommandParser] = {}

    def __getitem__(self, name: str) -> CommandParser:
        if name not in COMMANDS:
            raise KeyError(name)
        if name not in self._made:
            parser = self._made[name] = CommandParser(prog=f"{self._prog} {name}")
            parser.arguments = partial(_add_arguments, name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add every command by name."""
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", prog=parser.prog, parser_class=CommandParser
    )
    # `add_parser` would make all of them for the one that was typed.
    _keep(commands, _Parsers(parser.prog))
    commands._choices_actions += [  # noqa: SLF001
        commands._ChoicesPseudoAction(name, [], about)  # noqa: SLF001
        for name, about in COMMANDS.items()
    ]


def _keep(commands: argparse._SubParsersAction[Any], parsers: Mapping[str, Any]) -> None:
    # argparse keeps them in no public place.
    commands.choices = commands._name_parser_map = parsers  # type: ignore[assignment]  # noqa: SLF001


def _add_arguments(name: str, parser: CommandParser) -> None:
    load_msgspec()
    parser.second = SECOND.get(name, {})
    if parser.second:
        words = ", ".join(f"{parser.prog} {word}" for word in parser.second)
        parser.epilog = f"see also: {words} --help"
    module = cast(CommandModule, import_module(module_of(name)))
    module.add_arguments(parser)


def module_of(name: str) -> str:
    """Return the name of a command's module."""
    # A word of Python's own is no name of a module.
    plain = f"{name}_" if iskeyword(name) else name.replace("-", "_")
    return f"devstream_desktop.cli.{plain}"


def fill_all(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of all commands, for a reader of the parser."""
    waiting = [parser]
    while waiting:
        one = waiting.pop()
        if isinstance(one, CommandParser):
            # A type of source whose library is missing has no options; the rest has.
            with suppress(DevstreamError):
                one.describe()
        if (group := _group(one)) is not None:
            # shtab looks for a `dict`.
            _keep(group, dict(group.choices))
            waiting += group.choices.values()


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser's commands by name, in the order of its help."""
    group = _group(parser)
    return dict(group.choices) if group is not None else {}


def one_liners(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what the help lists of the parser's commands: `dest` is a name, `help` its line."""
    group = _group(parser)
    return list(group._choices_actions) if group is not None else []  # noqa: SLF001


def _group(
    parser: argparse.ArgumentParser,
) -> argparse._SubParsersAction[argparse.ArgumentParser] | None:
    # argparse has no public names for them.
    found = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))  # noqa: SLF001
    return next(found, None)
