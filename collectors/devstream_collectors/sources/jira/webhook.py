"""Jira: issues that are opened, closed or reopened, by webhook or from its API, Cloud and Data Center.

Sources: https://developer.atlassian.com/server/jira/platform/webhooks/ and https://developer.atlassian.com/cloud/jira/platform/webhooks/.
Most of what Jira posts is about fields and comments, and makes no line.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.decoding import iso, when, word
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.ticket import Ticket, ticket_event
from devstream_collectors.sources.jira.events import changed, deleted, moved, opened
from devstream_collectors.sources.jira.payloads import Payload
from devstream_collectors.sources.jira.poll import check, parse, requests

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in Jira, Settings, System, WebHooks, Create:
  URL       the address of your receiver with the path that is printed behind it
  Secret    the text in the file that you give with --secret-file; without one (older Data Center) the path itself is the secret
  Events    Issue: created, updated, deleted. A JQL there keeps to what you want, such as: project = SHOP AND issuetype = Bug
Jira Cloud posts only to an address with a certificate that browsers trust.
Polling: --poll --url https://TEAM.atlassian.net (or your Data Center's address) --jql "project = SHOP", with --token-file holding
address:API-token for Cloud (id.atlassian.com, Security), a personal access token for Data Center."""

COLLECTOR = Collector(
    title="Jira's webhooks, or its issues polled",
    setup=_SETUP,
    options=(Option("jql", 'which issues to follow when polling, such as "project = SHOP AND issuetype = Bug"; otherwise all'),),
    webhook=Webhook(
        auth=(SignatureScheme(header="x-hub-signature"), SecretPath()),
        delivery_header="x-atlassian-webhook-identifier",
    ),
    poll=Poll(auth=(Token(), Basic()), needs_token=True, interval=60),
)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    ticket = _step(msgspec.json.decode(delivery.body, type=Payload), delivery.received)
    return Normalised((ticket_event(ticket, source, delivery.received),))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A new issue as Jira posts it."""
    del source
    fields = {"summary": "A test of this source", "project": {"name": "devstream-test"}, "created": iso(now), "issuetype": {"name": "Task"}}
    issue = {"id": "1", "key": "TEST-1", "self": "https://devstream.example.org/rest/api/2/issue/1", "fields": fields}
    body = {"webhookEvent": "jira:issue_created", "timestamp": now, "user": {"displayName": "devstream"}, "issue": issue}
    return Delivery({}, msgspec.json.encode(body), now)


def _step(payload: Payload, received: int) -> Ticket:
    name, issue, at = word(payload.webhook_event), payload.issue, when(payload.timestamp) or received
    if payload.transition is not None and issue is not None:
        return moved(issue, payload.transition, payload.user, at)
    if name.startswith("comment_") or word(payload.issue_event_type_name).startswith("issue_comment"):
        raise Dropped("comment")
    if issue is None or not name.startswith("jira:issue_"):
        raise Dropped("event-not-mapped", name)
    if name == "jira:issue_created":
        return opened(issue, payload.user)
    if name == "jira:issue_deleted":
        return deleted(issue, payload.user, at)
    if name != "jira:issue_updated" or payload.changelog is None:
        raise Dropped("ticket-not-news", name)
    return changed(issue, payload.changelog, payload.user, at, now=True)
