"""A sender whose ten thousand bodies are garbage costs the node and the other senders nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from senders import SECRET, deliver

from devstream_desktop.intake.webhook.unmatched import KEPT

pytestmark = [pytest.mark.process, pytest.mark.slow]
GARBAGE = Path(__file__).parent / "garbage_sender.py"
COUNT, CONNECTIONS = 10_000, 16
PROMPT_S = 5.0
"""For a line of another sender meanwhile. Unhindered it is a tenth of a second."""
RULES = '[[rule]]\nmatch = "known"\nkind = "incident"\nfields = { state = "\'firing\'" }\n'


def test_ten_thousand_bodies_of_garbage_cost_no_other_sender_anything(
    world, until, tmp_path
) -> None:
    (ana,) = world.team()
    rules, secret = tmp_path / "rules.toml", tmp_path / "secret"
    rules.write_text(RULES)
    secret.write_bytes(SECRET)
    (path, *_) = ana.run("source", "add", "generic", "loud", "--rules", str(rules)).split("\n")
    ana.run("source", "add", "github", "calm", "--secret-file", str(secret))
    intake = ana.ready["intake"]

    def told(number: int) -> bool:
        return any(line.event.title == f"Bug {number}" for line in ana.lines())

    waits: list[float] = []
    with subprocess.Popen(
        [sys.executable, str(GARBAGE), f"{intake}{path}", str(COUNT), str(CONNECTIONS)],
        stdout=subprocess.PIPE,
        text=True,
    ) as flood:
        while flood.poll() is None:
            number, began = len(waits), time.monotonic()
            assert deliver(f"{intake}/in/calm", number) == 202
            until(f"delivery {number} is told", lambda number=number: told(number))
            waits.append(time.monotonic() - began)
        assert flood.stdout is not None
        answers = json.loads(flood.stdout.read())
    assert len(waits) >= 3
    assert max(waits) < PROMPT_S, waits

    # Each was answered, and is counted with its reason; none of it is a line.
    assert set(answers) == {"202", "400"}
    assert sum(answers.values()) == COUNT
    until("all of it is worked off", lambda: dropped(ana) == answers["202"])
    (loud,) = (source for source in ana.status().sources if source.name == "loud")
    assert (loud.refused, loud.events) == (answers["400"], 0)
    assert {line.event.source for line in ana.lines() if line.event.source} == {"calm"}
    # What is kept to write rules from is little.
    kept = json.loads(ana.run("source", "unmatched", "loud", "--json"))
    assert 0 < len(kept) <= KEPT


def dropped(desk) -> int:
    return sum(sum(source.dropped.values()) for source in desk.status().sources)
