"""The pollers of alerts and tickets over real HTTP.

What they ask arrives as they wrote it, with the proof that each service takes.
"""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_collectors.sources import (
    alertmanager,
    grafana,
    jira,
    linear,
    pagerduty,
    redmine,
    sentry,
)
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.store import Store

NOW = 1_800_000_000_000
LATER = iso(NOW + 10_000)
ALERT = {
    "labels": {"alertname": "Slow"},
    "startsAt": LATER,
    "fingerprint": "f" * 16,
    "status": {"state": "active"},
}
ISSUE = {
    "id": "7",
    "shortId": "SHOP-7",
    "title": "Slow",
    "firstSeen": LATER,
    "lastSeen": LATER,
    "project": {"slug": "shop"},
}
INCIDENT = {
    "id": "P7",
    "incident_number": 7,
    "title": "Slow",
    "status": "triggered",
    "created_at": LATER,
    "service": {"summary": "shop"},
}
JIRA = {"id": "7", "key": "SHOP-7", "fields": {"summary": "Slow", "created": LATER}}
LINEAR = {"id": "7", "identifier": "SHOP-7", "title": "Slow", "createdAt": LATER}
REDMINE = {"id": 7, "subject": "Slow", "created_on": LATER, "updated_on": LATER}
GRAFANA_API = "/api/alertmanager/grafana/api/v2/alerts"


def page(*nodes: object) -> dict[str, object]:
    return {"data": {"issues": {"nodes": nodes, "pageInfo": {"hasNextPage": False}}}}


@pytest.mark.parametrize(
    ("collector", "options", "token", "proof", "answers", "news"),
    [
        (alertmanager, {}, b"", {}, {"/api/v2/alerts": []}, [ALERT]),
        (grafana, {}, b"glsa", {"authorization": "Bearer glsa"}, {GRAFANA_API: []}, [ALERT]),
        (
            grafana,
            {},
            b"ana:s3cret",
            {"authorization": "Basic YW5hOnMzY3JldA=="},
            {GRAFANA_API: []},
            [ALERT],
        ),
        (
            sentry,
            {"project": "acme/shop"},
            b"sntrys",
            {"authorization": "Bearer sntrys"},
            {"/api/0/organizations/acme/issues/": []},
            [ISSUE],
        ),
        (
            pagerduty,
            {},
            b"u+key",
            {"authorization": "Token token=u+key"},
            {"/incidents": {"incidents": []}},
            {"incidents": [INCIDENT]},
        ),
        (
            jira,
            {},
            b"ana@x.org:t",
            {"authorization": "Basic YW5hQHgub3JnOnQ="},
            {"/rest/api/2/search": {"issues": []}},
            {"issues": [JIRA]},
        ),
        (linear, {}, b"lin_api", {"authorization": "lin_api"}, {"/graphql": page()}, page(LINEAR)),
        (
            redmine,
            {},
            b"key",
            {"x-redmine-api-key": "key"},
            {"/issue_statuses.json": {}, "/issues.json": {"issues": []}},
            {"issues": [REDMINE]},
        ),
    ],
    ids=[
        "alertmanager",
        "grafana",
        "grafana-basic",
        "sentry",
        "pagerduty",
        "jira",
        "linear",
        "redmine",
    ],
)
async def test_what_happens_after_a_first_contact_without_anything_is_told_once(
    replay, home, stream, clock, collector, options, token, proof, answers, news
):
    for path, body in answers.items():
        replay.tell(path, json.dumps(body).encode(), etag='"nothing"')
    store = Store(home.intake)
    await store.open()
    health = Health("it", stream.publish, Notes(store))
    info = SourceInfo("it", url=replay.url, options=options)
    poller = HttpPoller(
        info,
        collector,
        0,
        lambda: token,
        Notes(store),
        health,
        RateLimiter("it", health, Publisher(stream.publish), clock),
        clock,
    )
    try:
        assert ((await poller.poll()).errors, stream.events) == ([], [])
        for asked in replay.asked:
            assert {name: asked.headers.get(name) for name in proof} == proof
        replay.tell(list(answers)[-1], json.dumps(news).encode(), etag='"news"')
        for _ in range(2):
            clock.now += 30_000
            assert (await poller.poll()).errors == []
        # Sentry has the same answer here for every list, that of resolved issues too.
        (event,) = (one for one in stream.events if one.state != "resolved")
        assert (event.state, event.title.split(" (")[0]) == (
            "opened" if collector in (jira, linear, redmine) else "firing",
            "Slow",
        )
        assert not event.quiet
    finally:
        await poller.close()
        await store.close()
