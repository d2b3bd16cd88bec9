"""source add, list, test and remove: through the node when one runs, else on the home itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from devstream_desktop.cli.asking import ask, print_json
from devstream_desktop.control.messages import AddSource, Done, GetStatus, NoNodeError, ProbeSource, RemoveSource, Status
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.stream.record import timestamp


def add_git(home: Home, options: argparse.Namespace) -> int:
    """Add a git repository."""
    from devstream_desktop.node import offline

    location = offline.absolute_location(options.location)
    _add(home, AddSource(type="git", name=options.name, location=location, branches=tuple(options.branch)))
    print(f"source {options.name} is added")
    return 0


def add_webhook(home: Home, options: argparse.Namespace) -> int:
    """Add a webhook source; prints the URL path, alone."""
    try:
        secret = Path(options.secret_file).read_bytes().strip()
    except OSError as error:
        raise DevstreamError(f"{options.secret_file} cannot be read: {error.strerror}") from None
    print(_add(home, AddSource(type=options.type, name=options.name, branches=tuple(options.branch), secret=secret)))
    return 0


def listing(home: Home, options: argparse.Namespace) -> int:
    """Print every source and how it is."""
    try:
        found = ask(home, GetStatus(), Status).sources
    except NoNodeError:
        from devstream_desktop.node import offline

        found = offline.sources(home)
    if options.json:
        print_json(found)
        return 0
    for source in found:
        heard = timestamp(source.seen) if source.seen else "never"
        error = f"  {source.error}" if source.error else ""
        print(f"{source.name:20} {source.type:8} {source.state:7} {source.events:6} events, heard {heard}  {source.location}{error}")
    if not found:
        print("there is no source yet; add one: devstream source add git NAME PATH_OR_URL")
    return 0


def test(home: Home, options: argparse.Namespace) -> int:
    """Send a test event through a source."""
    print(ask(home, ProbeSource(name=options.name), Done).text)
    return 0


def remove(home: Home, options: argparse.Namespace) -> int:
    """Take a source out."""
    try:
        print(ask(home, RemoveSource(name=options.name), Done).text)
    except NoNodeError:
        from devstream_desktop.node import offline

        print(offline.remove_source(home, options.name))
    return 0


def _add(home: Home, request: AddSource) -> str:
    try:
        return ask(home, request, Done).text
    except NoNodeError:
        from devstream_desktop.node import offline

        home.create()
        return offline.add_source(home, request)
