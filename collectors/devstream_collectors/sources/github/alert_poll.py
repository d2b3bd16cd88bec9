"""GitHub's security alerts, asked: those that were changed since the last round.

Sources: https://docs.github.com/en/rest/dependabot/alerts,
https://docs.github.com/en/rest/code-scanning/code-scanning and
https://docs.github.com/en/rest/secret-scanning/secret-scanning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Step, link_after, older
from devstream_collectors.sources.github.alert import SecurityAlert, alerted
from devstream_collectors.sources.github.cursor import AGAIN, Cursor, ask_of, place_of, poller
from devstream_collectors.sources.github.place import User

MAX_ENDED = 300
"""Alerts that are over and remembered."""
_SIZE = 30
_LISTS = {
    "dependabot": "/dependabot/alerts",
    "code": "/code-scanning/alerts",
    "secret": "/secret-scanning/alerts",
}
_ENDS = {
    "dependabot": {"fixed": "fixed", "dismissed": "dismissed", "auto_dismissed": "auto_dismissed"},
    "code": {"fixed": "fixed", "dismissed": "closed_by_user"},
    "secret": {"resolved": "resolved"},
}
"""The webhook's word for each state that ends an alert."""


def asked(known: Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    """Ask for the alerts of each sort, those changed last first."""
    for sort, path in _LISTS.items():
        if now - known.refused.get(sort, 0) > AGAIN:
            query = {"sort": "updated", "direction": "desc", "per_page": _SIZE}
            yield ask_of(source, path, Step("alerts", sort), query, optional=True)


@poller.answer("alerts")
def _alerts(answer: Answer[Cursor]) -> Polled:
    known, sort = answer.known, answer.step.of
    if not answer.ok:
        return answer.polled(refused={**known.refused, sort: answer.received})
    # What was known before the first page.
    since = int(answer.step.old or known.alerts.get(sort, "-1"))
    bodies = answer.decode(list[SecurityAlert])
    ended, makers = list(known.ended), list[Maker]()
    for body in reversed(bodies):
        name = f"{sort}/{body.number}"
        actions = _actions(sort, body, since, was_over=name in ended)
        if name in ended:
            ended.remove(name)
        if not body.is_open:
            ended.append(name)
        # What there was at first contact, and is over, is no news.
        if body.updated_at > since and (since >= 0 or body.is_open):
            place = place_of(answer)
            makers += [partial(alerted, sort, body, one, place, User()) for one in actions]
    following = link_after(answer.response.headers.get("link", ""))
    changes = [body.updated_at for body in bodies]
    marked = replace(answer, step=msgspec.structs.replace(answer.step, old=str(since)))
    more, gap = older(
        marked,
        what=f"{sort} alerts",
        full=bool(following),
        all_new=0 <= since < min(changes, default=0),
        page=lambda step: replace(ask_of(answer.source, "", step, optional=True), path=following),
        since=max(0, since),
        until=min(changes, default=0),
    )
    newest = max([since, 0, int(known.alerts.get(sort, "0")), *changes])
    return answer.polled(
        makers,
        more,
        gap,
        alerts={**known.alerts, sort: str(newest)},
        ended=tuple(ended[-MAX_ENDED:]),
        refused={name: at for name, at in known.refused.items() if name != sort},
    )


def _actions(sort: str, body: SecurityAlert, since: int, *, was_over: bool) -> Iterable[str]:
    """Name the steps of an alert as its webhook does."""
    new = body.created_at > since
    if not body.is_open:
        end = _ENDS[sort].get(body.state, "")
        # It came and went between two rounds.
        return [action for action in ("created" if new and since >= 0 else "", end) if action]
    if was_over:
        return ["reopened"]
    # An open alert that is changed otherwise is no news.
    return ["created"] if new else []
