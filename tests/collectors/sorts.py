"""Documents with one scalar of another sort, and what a collector may make of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from devstream_collectors.contract import PollCollector, Response, SourceInfo
from devstream_desktop.stream.event import Event

AT = "2026-01-02T10:00:00+0000"
OTHERS = ("x", 7, True, ["x"], {"x": 1})
Fact = tuple[object, ...]
POLLED: dict[str, Counter[str]] = {}
"""By poller: the fields of its answers that were tried."""
_TRIED: set[tuple[str, str, str]] = set()


@dataclass(frozen=True)
class Scalar:
    """A scalar in a document: the part that holds it, and where that is."""

    holder: Any
    key: Any
    path: str


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


def check_answer(
    poller: PollCollector, response: Response, cursor: bytes, source: SourceInfo
) -> None:
    """See that no field of an answer costs what does not hang on it.

    Each field of each sort of answer is tried once.
    """
    module = str(getattr(poller, "__name__", poller)).rpartition(".")[2]
    # What was known when it was asked is what the answer is compared with.
    purpose = json.loads(response.request.tag) if response.request.tag[:1] == "[" else [""]
    step = str(purpose[0])
    document = json.loads(response.body)

    def told() -> Sequence[Fact] | str:
        body = json.dumps(document).encode()
        try:
            polled = poller.parse(replace(response, body=body), cursor, source)
        except ValueError as error:
            return str(error)
        asked = [(one.path, one.tag) for one in polled.requests]
        return [(polled.cursor,), *map(fact, polled.events), *asked]

    before = told()
    if isinstance(before, str):
        return
    counted = POLLED.setdefault(module, Counter(costs=0))
    for scalar in scalars(document):
        place = (module, step, scalar.path)
        value = scalar.holder[scalar.key]
        if place in _TRIED or value is None:
            continue
        _TRIED.add(place)
        counted["fields"] += 1

        def changed(other: object) -> Sequence[Fact] | str:
            scalar.holder[scalar.key] = other  # noqa: B023 - called in this round alone
            made = told()
            scalar.holder[scalar.key] = value  # noqa: B023
            return made

        known = [one for one in purpose if type(one) is type(value)]
        needed = any(changed(other) != before for other in [*same_sort(value), *known])
        counted["needed"] += needed
        for other in other_sorts(value):
            made = changed(other)
            # One odd item of a list never holds up the others.
            assert "[]" not in scalar.path or not isinstance(made, str), (place, other, made)
            # What has no id is counted, and is no part of the cursor.
            assert needed or made[1:] == before[1:], (place, other, made, before)
