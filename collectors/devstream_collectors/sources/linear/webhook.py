"""Linear: issues that are opened, closed (completed or cancelled) or reopened, by webhook or from its GraphQL API.

Sources: https://linear.app/developers/webhooks and https://linear.app/developers/graphql.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Collector, Delivery, Normalised, Option, Poll, SignatureScheme, SourceInfo, Token, Webhook
from devstream_collectors.kit.decoding import Loose, first, iso, when, word
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.ticket import Ticket, ticket_event
from devstream_collectors.sources.linear.events import Issue, Person, closed, deleted, is_end, opened, reopened
from devstream_collectors.sources.linear.poll import check, parse, requests

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in Linear, Settings, API, Webhooks, New webhook:
  URL                  the address of your receiver with the path that is printed behind it
  Data change events   Issues
  Team                 the team whose issues you want, or all
Linear shows the signing secret: put it into the file that you give with --secret-file.
Polling: --poll with --token-file of a personal API key (Settings, Security & access). --team KEY follows one team, such as SHOP; more than
one may be given."""

COLLECTOR = Collector(
    title="Linear's webhooks, or its issues polled",
    setup=_SETUP,
    options=(Option("team", "key of a team to follow when polling, such as SHOP; otherwise all", kind="list"),),
    webhook=Webhook(
        auth=(SignatureScheme(header="linear-signature", form="bare", timestamp_field="webhookTimestamp", tolerance=60),),
        delivery_header="linear-delivery",
    ),
    poll=Poll(url="https://api.linear.app", auth=(Token(prefix=""),), needs_token=True),
)


class _Before(msgspec.Struct, frozen=True, rename="camel"):
    """What an update replaced; only what it changed is there."""

    state_id: Loose = ""
    completed_at: Loose = ""
    canceled_at: Loose = ""


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    action: Loose = ""
    type: Loose = ""
    created_at: Loose = ""
    url: Loose = ""
    actor: Person | None = None
    data: object = None
    """An issue when `type` says so."""
    updated_from: object = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    ticket = _step(msgspec.json.decode(delivery.body, type=_Payload), delivery.received)
    return Normalised((ticket_event(ticket, source, delivery.received),))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A new issue as Linear posts it."""
    del source
    issue: dict[str, object] = {"id": "devstream-test", "identifier": "TEST-1", "title": "A test of this source", "createdAt": iso(now)}
    issue |= {"team": {"key": "TEST", "name": "devstream-test"}, "state": {"name": "Todo", "type": "unstarted"}}
    body = {"action": "create", "type": "Issue", "createdAt": iso(now), "data": issue, "webhookTimestamp": now}
    return Delivery({}, msgspec.json.encode(body), now)


def _step(payload: _Payload, received: int) -> Ticket:
    action, sort = word(payload.action), word(payload.type)
    if sort != "Issue" or not isinstance(payload.data, dict):
        raise Dropped("event-not-mapped", sort)
    issue, actor = msgspec.convert(payload.data, Issue), payload.actor
    at, url = when(payload.created_at) or received, word(payload.url)
    if action == "create":
        return opened(issue, actor, url)
    if action == "remove":
        return deleted(issue, actor, at, url)
    before = msgspec.convert(payload.updated_from, _Before) if isinstance(payload.updated_from, dict) else _Before()
    if action != "update" or not word(before.state_id):
        raise Dropped("ticket-not-news", action)
    was_end = bool(first(before.completed_at, before.canceled_at))
    if is_end(issue.state) and not was_end:
        return closed(issue, actor, at, url)
    if was_end and not is_end(issue.state):
        return reopened(issue, actor, at, url)
    raise Dropped("status-not-news", word(issue.state.name) if issue.state else "")
