"""`devstream secret`: the credentials that this executor's targets name."""

from __future__ import annotations

import argparse
import sys
from getpass import getpass
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.output import print_json
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `secret`."""
    commands = parser.add_subparsers(title="secret commands", metavar="COMMAND", required=True)
    about = "keep a secret that targets may name; its value is asked for, or read from a file"
    parser = commands.add_parser("set", help=about)
    parser.add_argument("name", metavar="NAME")
    about = "a file with the value (- is standard input); a line break at its end is left out"
    parser.add_argument("--file", metavar="FILE", help=about)
    parser.set_defaults(command=store)
    parser = commands.add_parser("list", help="the names of the secrets that are set")
    add_json(parser)
    parser.set_defaults(command=show)
    parser = commands.add_parser("remove", help="forget a secret")
    parser.add_argument("name", metavar="NAME")
    parser.set_defaults(command=remove)


def store(home: Home, options: argparse.Namespace) -> int:
    """Seal a secret; the next deploy that names it uses it."""
    # Late, because `secret list` opens no keys.
    from devstream_desktop.node.secrets import set_secret

    set_secret(home, options.name, _value(options.name, options.file))
    print(f'{options.name} is set; targets name it: secrets = ["{options.name}"]')
    return 0


def show(home: Home, options: argparse.Namespace) -> int:
    """Print the names, never a value."""
    from devstream_desktop.node.secrets import secret_names

    names = secret_names(home)
    if options.json:
        print_json(names)
        return 0
    for name in names:
        print(name)
    if not names:
        print("no secrets; devstream secret set NAME")
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
    if file is None or file == "-":
        return sys.stdin.read().removesuffix("\n")
    try:
        return Path(file).read_text("utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = machine.reason(error) if isinstance(error, OSError) else "it is no text"
        raise DevstreamError(f"{file} cannot be read: {reason}") from None
