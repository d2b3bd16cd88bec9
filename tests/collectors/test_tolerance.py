"""A field that a line does not need can never cost it, whatever is sent in it.

Of every sample each scalar is changed in turn. What may cost the line is its state, its identity,
its branch, and what tells one sort of post from another.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator

import pytest
from collecting import HERE, RECEIVED, headers_of, samples_of

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources.generic.rules import Rule, parse_rules
from devstream_desktop.intake.registry import webhook_collector

FOLDER = HERE.parents[1] / "resources" / "rules"
SHIPPED = [file.stem for file in sorted(FOLDER.glob("*.toml"))]
VALUES = ({"x": 1}, ["x"], 7, "odd", True, None)
_NAMES = re.compile(r"[A-Za-z_][\w-]*")
_TEXTS = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`")
NEEDED = {
    "aws": {
        "detail-type", "detailType", "account", "region", "Type", "TopicArn", "Message",
        "alarmName", "value", "repositoryName", "event", "referenceType", "referenceName",
        "commitId", "oldCommitId", "build-status", "project-name", "build-id", "source-version",
        "deploymentId", "deploymentGroup", "state", "eventArn", "eventTypeCategory", "eventName",
        "pipeline", "execution-id", "statusCode",
    },
    "slack": {"text", "title", "pretext", "fallback", "color", "value", "type"},
}  # fmt: skip


def needed(name: str) -> set[str]:
    """The names that a line of this type hangs on."""
    if name in NEEDED:
        return NEEDED[name]
    rules = parse_rules((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return {found for rule in rules for found in _hangs_on(rule)}


def _hangs_on(rule: Rule) -> Iterator[str]:
    fields = [rule.fields.get(field) for field in ("state", "ref", "default_branch")]
    for expression in (rule.match, rule.id, rule.each, *fields):
        if expression is not None:
            yield from _NAMES.findall(_TEXTS.sub(" ", expression.text))


def places(document: object) -> Iterator[tuple[str | int, ...]]:
    """The ways to each scalar, two items deep into lists."""
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, place), inner) for place, inner in enumerate(value[:2])]
        else:
            yield path


def changed(document: object, path: tuple[str | int, ...], value: object) -> bytes:
    """The document with another value in one place."""
    made = copy.deepcopy(document)
    holder: object = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return json.dumps(made).encode()


@pytest.mark.parametrize("name", [*SHIPPED, *NEEDED])
def test_what_a_line_does_not_need_never_costs_it(name: str) -> None:
    normalise, source = webhook_collector(name).normalise, SourceInfo(name)
    hangs_on, tried = needed(name), 0
    for sample, body in samples_of(name).items():
        headers = headers_of(name, sample)
        if not normalise(Delivery(headers, body, RECEIVED), source).events:
            continue
        document = json.loads(body)
        for path in places(document):
            last = next((step for step in reversed(path) if isinstance(step, str)), "")
            if last in hangs_on:
                continue
            for value in VALUES:
                delivery = Delivery(headers, changed(document, path, value), RECEIVED)
                result = normalise(delivery, source)
                assert result.events, (sample, path, value, result.dropped, result.detail)
                tried += 1
    assert tried
