"""Lines of one team, imported by another as history."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from devstream_desktop.cli import import_
from devstream_desktop.errors import DevstreamError
from devstream_desktop.node import imports
from devstream_desktop.stream.event import make_event
from devstream_desktop.stream.words import Kind


@pytest.mark.process
def test_lines_of_another_home_come_in_once_quietly_and_in_order(world, tmp_path: Path) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.start()
    for state in ("firing", "resolved"):
        ana.run("emit", "--kind", "incident", "--state", state, "--service", "shop")
    ana.run("emit", "--kind", "change", "--state", "pushed", "--service", "shop", "--title", "=1+1")
    ana.run("duty", "off")
    exported = ana.run("export")
    records = [json.loads(line) for line in exported.splitlines()]
    # Forged, from the future, cut off, and no JSON at all.
    far = {**records[0], "key": "f" * 32, "kind": "change", "state": "pushed"}
    far["time"] = "2999-01-01T00:00:00Z"
    bad = [json.dumps(far), "nonsense", "[" * 5_000, '{"kind": "change"}', ""]
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join([exported, *bad]) + "\n")
    bob = world.desk("bob")
    bob.run("team", "create", "other", "--person", "bob")
    assert "no node runs" in bob.run("import", str(file), code=1)
    bob.start()
    said = bob.run("import", str(file), "--json", code=1)
    assert said == ""
    facts = {line.event.key: line.event for line in bob.lines()}
    mine = {one["key"]: one for one in records if one["kind"] in ("incident", "change")}
    assert set(mine) <= set(facts)
    assert all(facts[key].quiet for key in mine)
    assert "f" * 32 not in facts
    assert not any(event.kind == "duty" for event in facts.values())
    # The last word about the incident is the last here too.
    assert bob.run("red") == ana.run("red")
    clean = tmp_path / "clean.jsonl"
    clean.write_text(exported + "\n")
    again = bob.run("import", str(clean))
    assert again.startswith(f"0 lines imported; {len(mine)} known already")
    # One's own lines are known, in whatever order they come.
    own = json.loads(ana.run("import", str(clean), "--json"))
    assert (own["taken"], own["known"]) == (0, len(mine))


def test_a_file_of_other_lines_is_refused_before_its_numbers_fill_the_memory() -> None:
    few = io.BytesIO(b"x\n" * 10_000)
    assert import_._places(few, 0) == ([], list(range(1, 10_001)))
    many = io.BytesIO(b"x\n" * 1_000_000)
    with pytest.raises(DevstreamError, match="this is no export: 10,000 lines"):
        import_._places(many, 0)
    assert many.tell() < 30_000


@pytest.mark.parametrize("state", ["locked", "unlocked", "approved", "accepted", "dry_run"])
def test_a_lock_of_another_home_is_held_by_nobody_here(state: str) -> None:
    given = make_event(
        kind=Kind.DEPLOY, state=state, service="shop", subject="x", key="a" * 32, time=1,
        request="b" * 32, executor="c",
    )  # fmt: skip
    assert imports._as_history(given, now=2) is None


def test_a_deploy_that_was_seen_keeps_nothing_of_its_request() -> None:
    given = make_event(
        kind=Kind.DEPLOY, state="success", service="shop", subject="x", key="a" * 32, time=1,
        request="b" * 32, executor="c", expires=2, action="dry_run", about="d" * 32,
        parameters="size=large", policy=3, override=True,
    )  # fmt: skip
    seen = imports._as_history(given, now=2)
    words = {"kind": Kind.DEPLOY, "state": "success", "service": "shop", "subject": "x"}
    assert seen == make_event(**words, key="a" * 32, time=1, severity=given.severity, quiet=True)
