"""A field that a line does not need cannot cost it, whatever its sender makes of it one day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from collecting import HERE, PAYLOADS, RECEIVED, headers_of
from sorts import OTHERS, Fact, alternatives, fact, other_sorts, scalars

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_desktop.intake.registry import webhook_collector

FOLDERS = {
    "bitbucket-server": "bitbucket",
    "bitbucket2": "bitbucket",
    "bitbucket3": "bitbucket",
    "cdevents": "cloudevents",
}
KINDS = sorted({sample.parent.parent.name for sample in HERE.glob("*/samples/*.json")})
RULES = HERE.parents[1] / "resources" / "rules"
MAX_FIELDS = 400
"""Fields of a type that are tried, of as many places as there are."""


def bodies(kind: str) -> Iterator[tuple[Mapping[str, str], bytes]]:
    """The samples of a type, and its real payloads where they are at hand."""
    for sample in sorted((HERE / kind / "samples").glob("*.json")):
        yield headers_of(kind, sample.stem), sample.read_bytes()
    for folder in sorted(PAYLOADS.iterdir()) if PAYLOADS.is_dir() else ():
        if folder.is_dir() and FOLDERS.get(folder.name, folder.name) == kind:
            for file in sorted(folder.rglob("*.json")):
                yield _headers(kind, file), file.read_bytes()


def _headers(kind: str, file: Path) -> Mapping[str, str]:
    match kind:
        case "github":
            return {"x-github-event": file.parent.name}
        case "cloudevents":
            return {"content-type": "application/cloudevents+json"}
        case _:
            return {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_a_line_does_not_need_cannot_cost_it(kind: str, tolerance) -> None:
    collector, source = webhook_collector(kind), SourceInfo(kind, ("*",))
    counted: Counter[str] = Counter(costs=0)
    seen: dict[str, list[object]] = {}
    for _, body in bodies(kind):
        for scalar in scalars(json.loads(body)):
            seen.setdefault(scalar.path, []).append(scalar.holder[scalar.key])
    wrong: set[str] = set()
    bends: set[str] = set()
    tried: Counter[str] = Counter()

    def read(headers: Mapping[str, str], document: object) -> Normalised:
        return collector.normalise(
            Delivery(headers, json.dumps(document).encode(), RECEIVED), source
        )

    for headers, body in bodies(kind):
        document = json.loads(body)
        facts = [fact(event) for event in read(headers, document).events]
        for scalar in scalars(document) if facts else ():
            tried[scalar.path] += 1
            if tried[scalar.path] > 3 or len(tried) > MAX_FIELDS:
                continue
            value = scalar.holder[scalar.key]
            counted["fields"] += 1

            def told(other: object) -> Normalised:
                scalar.holder[scalar.key] = other  # noqa: B023 - called in this round alone
                made = read(headers, document)  # noqa: B023
                scalar.holder[scalar.key] = value  # noqa: B023
                return made

            def facts_for(other: object) -> list[Fact]:
                return [fact(event) for event in told(other).events]

            # Of null nobody knows what it would be: it must be read, whatever it comes to.
            if value is None:
                odd = [one for one in OTHERS if told(one).dropped == "unexpected-shape"]
                wrong |= {f"{scalar.path}, null, as {one!r} cost the line" for one in odd}
                continue
            valid = alternatives(value, seen[scalar.path])
            needed = any(facts_for(other) != facts for other in valid)
            counted["needed"] += needed
            for other in other_sorts(value):
                made = facts_for(other)
                if not needed and made != facts:
                    wrong.add(f"{scalar.path} as {other!r} cost the line")
                elif needed and bent(made, facts, other):
                    bends.add(f"{scalar.path} as {other!r} told {made} for {facts}")
    counted["costs"] = len(wrong)
    tolerance[kind] = counted
    # Expressions are free to read a list where a text was.
    if kind == "slack" or (RULES / f"{kind}.toml").is_file():
        bends.clear()
    wrong |= bends
    assert not wrong, "\n".join(sorted(wrong))


def bent(made: list[Fact], facts: list[Fact], other: object) -> bool:
    """See whether another state is told for what cannot be one."""
    if len(made) != len(facts) or not isinstance(other, list | dict):
        return False
    pairs = [(one[2], two[2]) for one, two in zip(made, facts, strict=True)]
    # A forced push is a push.
    return any(one != two and (one, two) != ("pushed", "force-pushed") for one, two in pairs)
