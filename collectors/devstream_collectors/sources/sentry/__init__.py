"""Sentry: issues that are new, back or resolved, alert rules and metric alerts.

Sources: https://docs.sentry.io/organization/integrations/integration-platform/webhooks/ and, for
the API, https://docs.sentry.io/api/events/list-a-projects-issues/.
"""

from __future__ import annotations

import re

from devstream_collectors.contract import (
    Collector,
    Option,
    Poll,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Webhook,
)
from devstream_collectors.sources.sentry.poll import parse, requests
from devstream_collectors.sources.sentry.webhook import RESOURCE, normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in Sentry, Settings, Custom Integrations (Developer Settings), Create New Integration, \
Internal Integration:
  Webhook URL          the address of your receiver with the path that is printed behind it
  Alert Rule Action    on, to use it in alert rules and metric alerts
  Permissions          Issue & Event: Read
  Webhooks             issue
Sentry then shows the Client Secret: put it into the file that you give with --secret-file. The \
older webhook plugin of a project has no secret: leave --secret-file out, and the path itself is \
the secret.
Polling: --poll --project ORGANISATION/PROJECT with --token-file of a token that may read issues \
and events (event:read). Self-hosted: add --url https://SENTRY."""

COLLECTOR = Collector(
    title="Sentry's webhooks, or its issues polled",
    setup=_SETUP,
    kinds=(Kind.INCIDENT,),
    options=(
        Option(
            "project",
            "ORGANISATION/PROJECT, the short names in its address, for polling",
            needed="poll",
        ),
    ),
    webhook=Webhook(
        auth=(SignatureScheme(header="sentry-hook-signature", form="bare"), SecretPath()),
        headers=(RESOURCE,),
        delivery_header="request-id",
    ),
    poll=Poll(url="https://sentry.io", needs_token=True),
)
_PROJECT = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+")


def check(source: SourceInfo) -> None:
    """Check the option `project`.

    Raises:
        ValueError: it is not a project's name.

    """
    name = source.text("project")
    if name and not _PROJECT.fullmatch(name):
        raise ValueError("project must be ORGANISATION/PROJECT, such as acme/shop")
