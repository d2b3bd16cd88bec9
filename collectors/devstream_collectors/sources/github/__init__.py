"""GitHub: pushes, merges, workflow runs, checks, deployments, security alerts and issues.

Sources: https://docs.github.com/en/webhooks/webhook-events-and-payloads and, for the signature,
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries. Every field may be
missing or null in some sender's version: GitHub Enterprise lags, old hooks are replayed.
"""

from __future__ import annotations

import re

from devstream_collectors.contract import (
    Collector,
    Option,
    Poll,
    SignatureScheme,
    SourceInfo,
    Webhook,
)
from devstream_collectors.sources.github.poll import parse, requests
from devstream_collectors.sources.github.webhook import EVENT, normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in the repository's or organisation's Settings, Webhooks, Add webhook:
  Payload URL    the address of your receiver with the path that is printed behind it
  Content type   application/json
  Secret         the text in the file that you give with --secret-file
  Events         Pushes, Pull requests, Workflow runs, Deployment statuses, Issues; for other CI \
Statuses, Check runs, Page builds; for security Dependabot, Code scanning and Secret scanning \
alerts
Polling, where GitHub cannot reach this machine: --poll --repository OWNER/NAME and, for a \
private repository or more than 60 requests an hour, --token-file with a fine-grained token that \
may read Contents, Pull requests, Actions, Deployments and Issues; for other CI Commit statuses \
and Checks, for the site Pages, and for security Dependabot, Code scanning and Secret scanning \
alerts. What it may not read of these is left out. Only the webhook says that an issue is deleted \
or transferred.
GitHub Enterprise Server: add --url https://HOST/api/v3."""

COLLECTOR = Collector(
    title="GitHub's webhooks, or its API polled",
    setup=_SETUP,
    kinds=(Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT, Kind.TICKET),
    options=(Option("repository", "OWNER/NAME, for polling", needed="poll"),),
    webhook=Webhook(
        auth=(SignatureScheme(header="x-hub-signature-256", form="prefix", label="sha256"),),
        headers=(EVENT,),
        delivery_header="x-github-delivery",
    ),
    poll=Poll(
        url="https://api.github.com",
        headers={"x-github-api-version": "2022-11-28"},
        expiry_header="github-authentication-token-expiration",
    ),
)
_REPOSITORY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9._-]+")


def check(source: SourceInfo) -> None:
    """Check the option `repository`.

    Raises:
        ValueError: it is not a repository's name.

    """
    name = source.text("repository")
    if name and (not _REPOSITORY.fullmatch(name) or ".." in name):
        raise ValueError("repository must be OWNER/NAME, such as acme/shop")
