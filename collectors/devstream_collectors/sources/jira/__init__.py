"""Jira: issues that are opened, closed or reopened, in Cloud and Data Center.

Sources: https://developer.atlassian.com/server/jira/platform/webhooks/ and
https://developer.atlassian.com/cloud/jira/platform/webhooks/. Most of what Jira posts is about
fields and comments, and makes no line.
"""

from __future__ import annotations

import re

from devstream_collectors.contract import (
    Basic,
    Collector,
    Option,
    Poll,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.place import page_scope
from devstream_collectors.sources.jira.poll import parse, requests
from devstream_collectors.sources.jira.ticket import is_gateway
from devstream_collectors.sources.jira.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in Jira, Settings, System, WebHooks, Create:
  URL       the address of your receiver with the path that is printed behind it
  Secret    the text in the file that you give with --secret-file; without one (older Data \
Center) the path itself is the secret
  Events    Issue: created, updated, deleted. A JQL there keeps to what you want, such as: \
project = SHOP AND issuetype = Bug
Jira Cloud posts only to an address with a certificate that browsers trust.
Polling: --poll --url https://TEAM.atlassian.net (or your Data Center's address) --jql "project = \
SHOP", with --token-file holding address:API-token for Cloud (id.atlassian.com, Security), a \
personal access token for Data Center. A token with scopes (read:jira-work) is taken at --url \
https://api.atlassian.com/ex/jira/CLOUD-ID, with --site https://TEAM.atlassian.net; \
https://TEAM.atlassian.net/_edge/tenant_info says the id."""

COLLECTOR = Collector(
    title="Jira's webhooks, or its issues polled",
    setup=_SETUP,
    kinds=(Kind.TICKET,),
    options=(
        Option(
            "jql",
            'which issues to follow when polling, such as "project = SHOP AND issuetype = Bug"; '
            "otherwise all",
        ),
        Option(
            "site",
            "https://TEAM.atlassian.net, where --url is https://api.atlassian.com/ex/jira/CLOUD-ID",
        ),
    ),
    webhook=Webhook(
        auth=(SignatureScheme(header="x-hub-signature"), SecretPath()),
        delivery_header="x-atlassian-webhook-identifier",
    ),
    poll=Poll(auth=(Token(), Basic()), needs_token=True, interval=60),
)
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)


def check(source: SourceInfo) -> None:
    """Check the options `jql` and `site`.

    Raises:
        ValueError: the first has an order of its own, or the second is missing or no address.

    """
    if _ORDER.search(source.text("jql")):
        raise ValueError("jql must have no ORDER BY: it is put behind it")
    site = source.text("site")
    if site and page_scope(site) == "":
        raise ValueError("site must be an address: https://TEAM.atlassian.net")
    if is_gateway(source.url) and not site:
        raise ValueError("with this url it needs site: https://TEAM.atlassian.net")
