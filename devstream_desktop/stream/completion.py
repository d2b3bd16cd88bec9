"""Completion of a query: the filters, and their values that the history holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.query import Is, Query
from devstream_desktop.stream.query_text import FILTERS
from devstream_desktop.stream.search_text import bare
from devstream_desktop.stream.words import OUTCOMES, Kind, Severity

MOST = 20
_NEAR = 3
_TIMES = ("1h", "8h", "2d", "7d")
_NAMES = {"k": "kind", "e": "env", "environment": "env", "s": "service"}


def complete(text: str, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what the last word of `text` may become, at most `MOST`; empty for no filter.

    `values` are those of the history for `service`, `env`, `branch` and `actor`.
    """
    word = text.rpartition(" ")[2]
    sign = "-" if word.startswith("-") else ""
    name, colon, typed = word.removeprefix("-").partition(":")
    if not colon:
        return [f"{sign}{one}:" for one in FILTERS if name and one.startswith(name.lower())]
    known: dict[str, Sequence[str]] = {
        "kind": [one.value for one in Kind],
        "state": sorted(OUTCOMES),
        "severity": [one.word for one in Severity],
        "is": [one.value for one in Is],
        "since": _TIMES,
        "until": _TIMES,
        **values,
    }
    said = bare(typed.removeprefix('"'))
    found = known.get(_NAMES.get(name.lower(), name.lower()), ())
    near = [one for one in found if bare(one).startswith(said)]
    near += [one for one in found if said and said in bare(one) and one not in near]
    return [f"{sign}{name}:{quoted(one)}" for one in near[:MOST]]


def meant(query: Query, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the filters that may be meant by ones without any row.

    `service:kunden` may mean `service:kundenverwaltung`. `values` are as for `complete`.
    """
    asked = {"service": query.service, "branch": query.branch, "actor": query.actor}
    asked["env"] = query.environment and environment_name(query.environment)
    found: list[str] = []
    for name, value in asked.items():
        known = {bare(one) for one in values.get(name, ())}
        if value and bare(value) not in known:
            found += complete(f"{name}:{value}", {name: values.get(name, ())})[:_NEAR]
    return found


def quoted(value: str) -> str:
    """Return a value as one types it behind a filter: in quotes where it has spaces."""
    return f'"{value}"' if " " in value else value
