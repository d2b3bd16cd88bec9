"""PagerDuty: incidents that are triggered, resolved or opened again.

Sources: https://developer.pagerduty.com/docs/webhooks-overview and, for the signature,
https://developer.pagerduty.com/docs/verifying-webhook-signatures.
"""

from __future__ import annotations

from devstream_collectors.contract import (
    Collector,
    Option,
    Poll,
    SecretPath,
    SignatureScheme,
    Token,
    Webhook,
)
from devstream_collectors.sources.pagerduty.poll import parse, requests
from devstream_collectors.sources.pagerduty.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in PagerDuty, Integrations, Generic Webhooks (v3), New Webhook:
  Webhook URL          the address of your receiver with the path that is printed behind it
  Scope                the services or the team that you want to hear of
  Event Subscription   incident.triggered, incident.resolved, incident.reopened
PagerDuty then shows the signing secret once: put it into the file that you give with \
--secret-file.
Polling: --poll with --token-file, a read-only API key (Integrations, API Access Keys). \
--service-id ID follows one service; more than one may be given. In the EU add --url \
https://api.eu.pagerduty.com."""

COLLECTOR = Collector(
    title="PagerDuty's incidents, by webhook or polled",
    setup=_SETUP,
    kinds=(Kind.INCIDENT,),
    options=(
        Option(
            "service_id",
            "id of a PagerDuty service to follow when polling, such as PA2P440; otherwise all",
            kind="list",
        ),
    ),
    webhook=Webhook(
        auth=(
            SignatureScheme(header="x-pagerduty-signature", form="pairs", label="v1"),
            SecretPath(),
        )
    ),
    poll=Poll(
        url="https://api.pagerduty.com", auth=(Token(prefix="Token token="),), needs_token=True
    ),
)
