"""Linear: issues that are opened, closed (completed or cancelled) or reopened.

Sources: https://linear.app/developers/webhooks and https://linear.app/developers/graphql.
"""

from __future__ import annotations

import re

from devstream_collectors.contract import (
    Collector,
    Option,
    Poll,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.linear.poll import parse, requests
from devstream_collectors.sources.linear.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in Linear, Settings, API, Webhooks, New webhook:
  URL                  the address of your receiver with the path that is printed behind it
  Data change events   Issues
  Team                 the team whose issues you want, or all
Linear shows the signing secret: put it into the file that you give with --secret-file.
Polling: --poll with --token-file of a personal API key (Settings, Security & access). --team KEY \
follows one team, such as SHOP; more than one may be given."""

COLLECTOR = Collector(
    title="Linear's webhooks, or its issues polled",
    setup=_SETUP,
    kinds=(Kind.TICKET,),
    options=(
        Option(
            "team", "key of a team to follow when polling, such as SHOP; otherwise all", kind="list"
        ),
    ),
    webhook=Webhook(
        auth=(
            SignatureScheme(
                header="linear-signature",
                form="bare",
                timestamp_field="webhookTimestamp",
                tolerance=60,
            ),
        ),
        delivery_header="linear-delivery",
    ),
    poll=Poll(url="https://api.linear.app", auth=(Token(prefix=""),), needs_token=True),
)
_KEY = re.compile(r"[A-Za-z0-9_-]{1,16}")


def check(source: SourceInfo) -> None:
    """Check the option `team`.

    Raises:
        ValueError: it is not a team's key.

    """
    if any(not _KEY.fullmatch(key) for key in source.many("team")):
        raise ValueError("team must be the key in front of its issues' numbers, such as SHOP")
