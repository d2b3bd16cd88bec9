"""Redmine: issues that are opened, closed or reopened.

Sources: https://www.redmine.org/projects/redmine/wiki/Webhooks (Redmine 7),
https://github.com/suer/redmine_webhook (a plugin for older ones) and
https://www.redmine.org/projects/redmine/wiki/Rest_Issues.
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
from devstream_collectors.sources.redmine.poll import parse, requests
from devstream_collectors.sources.redmine.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook (Redmine 7 or newer): My account, Webhooks, New webhook:
  Payload URL   the address of your receiver with the path that is printed behind it; not one of \
the machine that Redmine runs on
  Secret        the text in the file that you give with --secret-file
  Events        Issue: created, updated, deleted
The plugin redmine_webhook for older versions signs nothing: leave --secret-file out, and the \
path itself is the secret.
Polling: --poll --url https://REDMINE with --token-file of an API key (My account, API access \
key; REST has to be enabled in the administration). --project NAME follows one project, by the \
identifier in its address. --url also makes links in the lines."""

COLLECTOR = Collector(
    title="Redmine's webhooks, or its issues polled",
    setup=_SETUP,
    kinds=(Kind.TICKET,),
    options=(
        Option(
            "project",
            "identifier of the project to follow when polling, such as shop; otherwise all",
        ),
    ),
    webhook=Webhook(auth=(SignatureScheme(header="x-redmine-signature-256"), SecretPath())),
    poll=Poll(auth=(Token(header="x-redmine-api-key", prefix=""),), interval=60),
)
