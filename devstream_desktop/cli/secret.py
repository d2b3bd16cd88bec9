"""`devstream secret`: the credentials that this executor's targets name."""

from __future__ import annotations

import argparse
import sys
from getpass import getpass

from devstream_desktop.cli.arguments import add_list, add_named
from devstream_desktop.cli.commands import CommandParser
from devstream_desktop.cli.given_file import read_text
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_list
from devstream_desktop.control.messages.sealed import SetSecret
from devstream_desktop.home import Home


def add_arguments(parser: CommandParser) -> None:
    """Add the commands of `secret`."""
    commands = parser.add_subparsers(title="secret commands", metavar="COMMAND", required=True)
    about = "keep a secret that targets may name; its value is asked for, or read from a file"
    parser = commands.add_parser("set", help=about)
    parser.add_argument("name", metavar="NAME")
    about = "a file with the value (- is standard input); a line break at its end is left out"
    parser.add_argument("--file", metavar="FILE", help=about)
    parser.set_defaults(command=store)
    add_list(commands, "the names of the secrets that are set", show)
    add_named(commands, "remove", "forget a secret", remove)


def store(home: Home, options: argparse.Namespace) -> int:
    """Seal a secret; the next deploy that names it uses it."""
    value = _value(options.name, options.file).encode("utf-8", "surrogateescape")
    home.create()
    # The key that seals may be the running node's alone, as a service's is.
    ask(home, SetSecret(name=options.name, value=value))
    print(f'{options.name} is set; targets name it: secrets = ["{options.name}"]')
    return 0


def show(home: Home, options: argparse.Namespace) -> int:
    """Print the names, never a value."""
    from devstream_desktop.node.secrets import secret_names

    names = secret_names(home)
    print_list(options, names, names, "no secrets; devstream secret set NAME")
    return 0


def remove(home: Home, options: argparse.Namespace) -> int:
    """Forget a secret; a target that names it refuses from now on."""
    from devstream_desktop.node.secrets import remove_secret

    remove_secret(home, options.name)
    print(f"removed {options.name}: a target that names it is refused")
    return 0


def _value(name: str, file: str | None) -> str:
    if file is None and sys.stdin.isatty():
        return getpass(f"value of {name}: ")
    return read_text(file or "-").removesuffix("\n")
