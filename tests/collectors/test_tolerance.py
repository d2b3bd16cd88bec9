"""A field that a line does not need cannot cost it, whatever its sender makes of it one day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from collecting import HERE, PAYLOADS, RECEIVED, headers_of

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_desktop.intake.registry import webhook_collector
from devstream_desktop.stream.event import Event

FOLDERS = {
    "bitbucket-server": "bitbucket",
    "bitbucket2": "bitbucket",
    "bitbucket3": "bitbucket",
    "cdevents": "cloudevents",
}
KINDS = sorted({sample.parent.parent.name for sample in HERE.glob("*/samples/*.json")})
RULES = HERE.parents[1] / "resources" / "rules"
AT = "2026-01-02T10:00:00+0000"
MAX_FIELDS = 400
"""Fields of a type that are tried, of as many places as there are."""


OTHERS = ("x", 7, True, ["x"], {"x": 1})
Fact = tuple[object, ...]


@dataclass(frozen=True)
class Scalar:
    """A scalar in a document: the part that holds it, and where that is."""

    holder: Any
    key: Any
    path: str


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


def scalars(node: object, path: str = "") -> Iterator[Scalar]:
    """Every scalar of a document."""
    items: Any = ()
    if isinstance(node, dict):
        items = [(key, f"{path}.{key}") for key in node]
    elif isinstance(node, list):
        items = [(place, f"{path}[]") for place in range(len(node))]
    for key, here in items:
        if isinstance(node[key], dict | list):  # type: ignore[index]
            yield from scalars(node[key], here)  # type: ignore[index]
        else:
            yield Scalar(node, key, here.lstrip("."))


def other_sorts(value: object) -> list[object]:
    """Values of every other sort."""
    if isinstance(value, bool):
        return ["x", 7, None, ["x"], {"x": 1}]
    if isinstance(value, int | float):
        return ["x", str(value), AT, True, None, ["x"], {"x": 1}]
    return [7, 1.5, True, None, ["x"], {"x": 1}]


def same_sort(value: object) -> list[object]:
    """Other values of the same sort: a fact that notices them hangs on the field."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, 0]
    return [f"{value}x", "", "7", "1.5", "0" * 40, AT, None] if isinstance(value, str) else []


def alternatives(value: object, seen: list[object]) -> list[object]:
    """Other values of the sort, with those that the field has elsewhere."""
    known = [one for one in seen if type(one) is type(value) and one != value]
    return [*same_sort(value), *known[:4]]


def fact(event: Event) -> Fact:
    """The part of an event that says which fact it is."""
    return (event.key, event.kind, event.state, event.subject, event.number, event.ref)


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
