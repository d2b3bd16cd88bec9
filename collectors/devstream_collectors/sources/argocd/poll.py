"""Argo CD's API, asked: the applications that an account may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Many
from devstream_collectors.kit.outcome import Dropped, Maker
from devstream_collectors.kit.polling import Answer, Poller, Step, ask
from devstream_collectors.sources.argocd.application import Application, Body

MAX_APPLICATIONS = 1200
_FIELDS = ",".join(
    f"items.{field}"
    for field in (
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.labels",
        "spec.destination",
        "spec.source",
        "spec.sources",
        "status.health",
        "status.history",
        "status.operationState",
        "status.sync",
    )
)


class _List(msgspec.Struct, frozen=True):
    items: Many[Body] = []


class _Seen(msgspec.Struct, frozen=True, array_like=True):
    """Of an application: hashes of its deploy and of its health as last told."""

    deploy: str = ""
    health: str = ""
    newest: int = -2
    """The number of its newest deploy in the history; -1: there is none yet, -2: not known."""


class _Cursor(msgspec.Struct, frozen=True):
    seen: dict[str, _Seen] = {}
    """By a short hash of an application."""


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    only = {"projects": source.text("project"), "selector": source.text("selector")}
    query = {"fields": _FIELDS} | {name: value for name, value in only.items() if value}
    yield ask("/api/v1/applications", Step("applications"), query=query)


@poller.answer("applications")
def _applications(answer: Answer[_Cursor]) -> Polled:
    items = answer.decode(_List).items
    makers: list[Maker] = []
    dropped: Counter[str] = Counter()
    seen: dict[str, _Seen] = {}
    lost = 0
    if len(items) > MAX_APPLICATIONS:
        dropped["too-many-applications"] = len(items) - MAX_APPLICATIONS
    for body in items[:MAX_APPLICATIONS]:
        try:
            app = Application(body, answer.source, answer.received)
        except Dropped as drop:
            dropped[drop.reason] += 1
            continue
        place = _short(app.place.scope)
        known = answer.known.seen.get(place, _Seen())
        deploy, health = known.deploy, known.health
        # Argo CD keeps the last ten deploys of each, by their numbers.
        if known.newest >= -1:
            makers += app.deploys_after(known.newest)
            lost += app.unread(known.newest)
        was_bad, now_bad = health.startswith("!"), app.health == "firing"
        mark = f"!{_short(app.health_mark)}" if now_bad else ""
        if _short(app.deploy_mark) != deploy:
            makers.append(app.deploy)
        # Nobody needs to hear that what was healthy is healthy.
        if (now_bad and mark != health) or (was_bad and app.health == "resolved"):
            makers.append(app.incident)
        elif was_bad and not app.health:
            # It is between the two, or an operation is under way.
            mark = health
        seen[place] = _Seen(_short(app.deploy_mark), mark, max(app.newest, known.newest))
    gap = Gap("deploys", lost) if lost else None
    polled = answer.polled(makers, (), gap, seen=seen)
    return replace(polled, dropped=dropped + Counter(polled.dropped))


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:9]
