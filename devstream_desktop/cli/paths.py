"""`devstream paths`: where devstream keeps and finds its files."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.output import print_json
from devstream_desktop.home import Home
from devstream_desktop.shared_files import shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `paths`."""
    add_json(parser)
    parser.set_defaults(command=paths)


def paths(home: Home, options: argparse.Namespace) -> int:
    """Print a name and a path a line."""
    found = {
        "home": home.root,
        "settings": home.settings,
        "targets": home.targets,
        "desk": home.preferences,
        "log": home.log,
        "examples": shared("examples"),
        "rules": shared("rules"),
        "hooks": shared("hooks"),
        "monitoring": shared("monitoring"),
    }
    if options.json:
        print_json({name: str(path) for name, path in found.items()})
        return 0
    for name, path in found.items():
        print(f"{name:<10} {path}")
    return 0
