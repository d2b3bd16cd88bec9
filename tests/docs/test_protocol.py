"""docs/protocol.md is exact: an implementation made from it works, its tables are the code's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from second_implementation import (
    BATCH,
    DIGEST,
    ENTRIES,
    FETCH,
    HELLO,
    NEWS,
    OFFER,
    PUSH,
    PUSHED,
    RECORDS,
    TAIL,
    WANTS,
    WELCOME,
    Device,
    Invite,
    digest,
)

from devstream_desktop.mesh import wire
from devstream_desktop.stream import event
from devstream_desktop.stream.fact import author_class
from devstream_desktop.stream.words import STATES, Kind
from devstream_desktop.team.policy.policy import Policy

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
READY_S = 30.0


class Founder:
    """A real node, asked by the command alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "DEVSTREAM_HOME": str(folder / "home"),
            "DEVSTREAM_KEY_FILE": str(folder / "key"),
        }
        self("team", "create", "acme", "--person", "ana")
        command = [*self.command, "node", "--listen", "127.0.0.1:0", "--no-discovery"]
        self.node = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert self.node.stdout is not None
        ready = dict(word.split("=") for word in self.node.stdout.readline().split()[1:])
        self.device, self.mesh = ready["device"], ready["mesh"]

    command = (sys.executable, "-m", "devstream_desktop")

    def __call__(self, *words: str) -> str:
        run = subprocess.run(
            [*self.command, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return run.stdout.strip()

    def end(self) -> None:
        self.node.send_signal(signal.SIGTERM)
        self.node.communicate(timeout=20)


@pytest.fixture
def founder(tmp_path: Path, runtime: Path) -> Iterator[Founder]:
    founder = Founder(tmp_path)
    yield founder
    founder.end()


@pytest.mark.process
def test_a_second_implementation_joins_and_exchanges_entries(founder: Founder) -> None:
    first = founder(
        "emit", "--kind", "build", "--state", "failed", "--service", "shop", "--ref", "main"
    )
    carl = Device("carl")
    carl.join(Invite.read(founder("team", "invite")))
    assert (carl.policy["name"], carl.policy["version"]) == ("acme", 2)
    link = carl.link(founder.mesh)
    assert link.device == founder.device

    welcome = link.ask(
        HELLO, 1, carl.team, carl.id, bytes(16), carl.stamp, time.time_ns() // 1_000_000, 0
    )
    assert welcome[:4] == [WELCOME, 1, carl.team, founder.device]
    assert welcome[5] >> 12 == carl.stamp >> 12
    tag, index, lsn, _buckets, records, frozen, end = link.ask(DIGEST, bytes(512))
    assert (tag, index, frozen, end) == (RECORDS, welcome[4], [], None)
    assert link.ask(DIGEST, digest(records)[0])[3] == [], "holding the same, no bucket differs"
    wanted = [[feed, floor + 1, head] for feed, floor, head, *_ in records]
    tag, entries = link.ask(FETCH, wanted, BATCH)
    assert tag == ENTRIES
    told = [carl.read(entry) for entry in entries]
    assert first in {payload[4] for person, _, payload in told if person == "ana"}

    now = time.time_ns() // 1_000_000
    on = ["duty", "on", "team", "duty/carl", "c" * 32, now, 9, "", "", "", "carl"]
    assert link.ask(PUSH, [carl.write(on)], carl.stamp)[:2] == [PUSHED, 1]
    assert json.loads(founder("duty", "show", "--json"))["duty"] == ["ana", "carl"]
    lie = ["build", "succeeded", "shop", "build/shop/main", "d" * 32, now, 9]
    assert link.ask(PUSH, [carl.write(lie)], carl.stamp)[:2] == [PUSHED, 0], "he is no collector"
    own = [carl.public + carl.epoch, 0, 2, carl.last[2], carl.last[1], []]
    assert link.ask(OFFER, [own], [])[0] == WANTS

    second = founder(
        "emit", "--kind", "build", "--state", "succeeded", "--service", "shop", "--ref", "main"
    )
    news: list[list[bytes]] = []
    until = time.monotonic() + READY_S
    while second not in [carl.read(entry)[2][4] for entry in news] and time.monotonic() < until:
        tag, index, lsn, entries, summary, _policy, _resync = link.ask(
            TAIL, index, lsn, 1000, BATCH, carl.stamp
        )
        assert (tag, len(summary)) == (NEWS, 8)
        news += entries
    assert second in [carl.read(entry)[2][4] for entry in news]
    link.close()


def test_its_table_of_messages_is_the_wire() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \| ([^|]*)\| (\w*) ?\|$", PAGE, re.MULTILINE)
    written = {int(tag): (name, re.findall(r"`(\w+)`", fields)) for tag, name, fields, _ in rows}
    messages = [*wire.Request.__args__, *wire.Reply.__args__]
    assert written == {
        one.__struct_config__.tag: (one.__name__, list(one.__struct_fields__)) for one in messages
    }


def test_its_table_of_event_fields_is_the_event() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:text|integer|boolean) \| ([^|]*)\|", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == list(event.Event.__struct_fields__)
    limits = {name: int(limit) for name, limit in rows if limit.strip().isdigit()}
    assert event._LIMITS.items() <= limits.items()


def test_its_table_of_authors_is_the_one_that_receivers_apply() -> None:
    written: dict[tuple[str, str, bool], str] = {}
    for who, said in re.findall(
        r"^\| (collector|member|executor|issuer|admin) \| ([^|]+) \|", PAGE, re.MULTILINE
    ):
        kinds, _, states = said.partition(":")
        kind, *condition = kinds.split(" ", 1) if kinds.startswith("deploy") else [kinds]
        for one in kind.split(", "):
            for state in states.split():
                answered = [False] if state == "requested" else [False, True]
                if condition:
                    answered = [condition == ["with `request`"]]
                written |= {(one, state, request): who for request in answered}
    written[("deploy", "requested", True)] = "member"
    real = {
        (str(kind), state, request): str(author)
        for kind in Kind
        for state in STATES[kind]
        for request in (False, True)
        if (author := author_class(kind, state, "x" if request else "")) is not None
    }
    assert written == real


def test_its_table_of_the_policy_is_the_policy() -> None:
    section = PAGE[PAGE.index("## Policies") : PAGE.index("A version is taken only")]
    names = [
        name
        for row in re.findall(r"^\| ((?:`\w+`,? ?)+)\|", section, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(names) == sorted(
        msgspec.structs.fields(Policy)[n].name for n in range(len(Policy.__struct_fields__))
    )
