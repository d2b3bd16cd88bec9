"""source list, test and remove (`adding.py` adds): through the node when one runs, else on the home itself."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.asking import ask, print_json
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.sources import ProbeSource, RemoveSource
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.control.wording import untold
from devstream_desktop.home import Home
from devstream_desktop.stream.record import timestamp
from devstream_desktop.stream.text import duration


def listing(home: Home, options: argparse.Namespace) -> int:
    """Print every source and how it is."""
    try:
        found = ask(home, GetStatus()).sources
    except NoNodeError:
        from devstream_desktop.node import offline

        found = offline.sources(home)
    if options.json:
        print_json(found)
        return 0
    for source in found:
        heard = timestamp(source.seen) if source.seen else "never"
        error = f"  {source.error}" if source.error else ""
        expected = f" (expected every {duration(source.expected * 1000)})" if source.expected else ""
        ends = f"  token ends {timestamp(source.token_ends)[:10]}" if source.token_ends else ""
        counts = f", {untold(source)}" if untold(source) else ""
        about = f"{source.events:6} events{counts}, heard {heard}{expected}"
        print(f"{source.name:20} {source.type:12} {source.state:7} {about}  {source.location}{ends}{error}")
    if not found:
        print("there is no source yet; add one: devstream source add git NAME PATH_OR_URL")
    return 0


def test(home: Home, options: argparse.Namespace) -> int:
    """Send a test event through a source."""
    print(ask(home, ProbeSource(name=options.name)).text)
    return 0


def remove(home: Home, options: argparse.Namespace) -> int:
    """Take a source out."""
    try:
        print(ask(home, RemoveSource(name=options.name)).text)
    except NoNodeError:
        from devstream_desktop.node import offline

        print(offline.remove_source(home, options.name))
    return 0
