"""A stolen collector told lies before anybody knew.

Once it is revoked since then, every history strikes them out.
"""

from __future__ import annotations

import json
import time

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.members import Revoke
from devstream_desktop.stream.line import STRUCK

pytestmark = pytest.mark.process


def struck(desk) -> dict[str, bool]:
    return {line.event.title: line.struck for line in desk.lines() if line.event.kind == "build"}


def emit(desk, title: str) -> None:
    desk.run(
        "emit", "--kind", "build", "--state", "succeeded", "--service", "shop", "--title", title
    )


def test_what_a_device_wrote_after_it_was_stolen_is_struck_out_everywhere(world, until) -> None:
    ana, bob, cy = world.team("bob", "cy")
    ana.run("team", "grant", "bob", "collector")
    until("bob is collector", lambda: "collector" in bob.status().roles)
    emit(bob, "honest work")
    stolen = time.time_ns() // 1_000_000 + 1
    emit(bob, "a lie")
    for desk in (ana, bob, cy):
        until(
            "all have both",
            lambda desk=desk: struck(desk) == {"honest work": False, "a lie": False},
        )
    with Client(ana.home.control_url()) as client:
        client.ask(Revoke(who="bob", why="stolen", since=stolen))
    for desk in (ana, cy):
        until(
            "the lie is struck out",
            lambda desk=desk: struck(desk) == {"honest work": False, "a lie": True},
        )
        (line,) = [line for line in desk.run("tail").splitlines() if "a lie" in line]
        assert "⊘" in line
        assert line.endswith(f"[{STRUCK}]")
        records = [
            json.loads(line) for line in desk.run("search", "--json", "kind:build").splitlines()
        ]
        assert {one["title"]: one["struck"] for one in records} == {
            "honest work": False,
            "a lie": True,
        }
    cy.stop()
    cy.start()
    assert struck(cy) == {"honest work": False, "a lie": True}
