"""Redmine: issues that are opened, closed or reopened, by the webhooks of Redmine 7, by those of the older plugin, or from its API.

Sources: https://www.redmine.org/projects/redmine/wiki/Webhooks, https://github.com/suer/redmine_webhook and
https://www.redmine.org/projects/redmine/wiki/Rest_Issues.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import (
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
from devstream_collectors.kit.decoding import Loose, iso, when, word
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.ticket import Ticket, ticket_event
from devstream_collectors.sources.redmine.events import Issue, Journal, is_end, status_change, step
from devstream_collectors.sources.redmine.poll import parse, requests

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook (Redmine 7 or newer): My account, Webhooks, New webhook:
  Payload URL   the address of your receiver with the path that is printed behind it; not one of the machine that Redmine runs on
  Secret        the text in the file that you give with --secret-file
  Events        Issue: created, updated, deleted
The plugin redmine_webhook for older versions signs nothing: leave --secret-file out, and the path itself is the secret.
Polling: --poll --url https://REDMINE with --token-file of an API key (My account, API access key; REST has to be enabled in the
administration). --project NAME follows one project, by the identifier in its address. --url also makes links in the lines."""

COLLECTOR = Collector(
    title="Redmine's webhooks, or its issues polled",
    setup=_SETUP,
    options=(Option("project", "identifier of the project to follow when polling, such as shop; otherwise all"),),
    webhook=Webhook(auth=(SignatureScheme(header="x-redmine-signature-256"), SecretPath())),
    poll=Poll(auth=(Token(header="x-redmine-api-key", prefix=""),), interval=60),
)


class _Data(msgspec.Struct, frozen=True):
    issue: Issue | None = None
    journal: Journal | None = None


class _Plugin(msgspec.Struct, frozen=True):
    action: Loose = ""
    issue: Issue | None = None
    journal: Journal | None = None
    url: Loose = ""


class _Payload(msgspec.Struct, frozen=True):
    type: Loose = ""
    timestamp: Loose = ""
    data: _Data | None = None
    payload: _Plugin | None = None
    """What the plugin posts; nothing else is there then."""


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    said = msgspec.json.decode(delivery.body, type=_Payload)
    plugin, data = said.payload, said.data or _Data()
    if plugin is not None:
        action = {"opened": "created"}.get(word(plugin.action), word(plugin.action))
        ticket = _step(action, plugin.issue, plugin.journal, 0, source, word(plugin.url))
    else:
        sort, _, action = word(said.type).partition(".")
        if sort != "issue":
            raise Dropped("event-not-mapped", word(said.type))
        ticket = _step(action, data.issue, data.journal, when(said.timestamp), source)
    return Normalised((ticket_event(ticket, source, delivery.received),))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A new issue as Redmine posts it."""
    del source
    issue = {"id": 1, "subject": "A test of this source", "project": {"id": 1, "name": "devstream-test"}, "created_on": iso(now)}
    return Delivery({}, msgspec.json.encode({"type": "issue.created", "timestamp": iso(now), "data": {"issue": issue}}), now)


def _step(action: str, issue: Issue | None, journal: Journal | None, at: int, source: SourceInfo, url: str = "") -> Ticket:
    if issue is None:
        raise Dropped("event-not-mapped", action)
    actor = (journal.user or journal.author) if journal else None
    if action == "created":
        return step(issue, "opened", "", issue.author, when(issue.created_on) or at, source, url=url)
    if action == "deleted":
        return step(issue, "closed", "deleted", actor, at, source, sort="deleted", url=url)
    if action != "updated" or journal is None or status_change(journal) is None:
        raise Dropped("ticket-not-news", action)
    at = when(journal.created_on) or when(issue.updated_on) or at
    name = word(issue.status.name) if issue.status else ""
    if is_end(issue.status):
        return step(issue, "closed", word(journal.id) or str(at), actor, at, source, sort=name, url=url)
    # Which status it left a webhook says by a number only. Redmine keeps the time at which an issue was once closed.
    if word(issue.closed_on):
        return step(issue, "reopened", word(journal.id) or str(at), actor, at, source, url=url)
    raise Dropped("status-not-news", name)
