"""The collector that README.md shows is one: it is taken from the page, loaded and used."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo

README = Path(__file__).parents[2] / "collectors" / "README.md"


@pytest.fixture
def tally(monkeypatch) -> ModuleType:
    module = ModuleType("tally")
    monkeypatch.setitem(sys.modules, "tally", module)
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, str(README), "exec"), module.__dict__)
    return module


def test_the_worked_webhook_makes_lines_and_named_drops(tally, survives):
    source = SourceInfo("tally", branches=("main",))
    sample = tally.sample(source, RECEIVED)
    (event,) = tally.normalise(sample, source).events
    assert_event(
        event, kind="test", state="succeeded", subject="test/devstream-test//devstream-test"
    )
    assert (
        tally.normalise(
            Delivery({}, b'{"job": "x", "number": 1, "result": "running"}', 0), source
        ).dropped
        == "build-not-finished"
    )
    topic = Delivery({}, b'{"job": "x", "number": 1, "result": "ok", "branch": "topic"}', 0)
    assert tally.normalise(topic, source).dropped == "not-a-global-branch"
    survives(tally.normalise, [sample], source)
