"""Gitea, Forgejo and Gogs: pushes, merged pull requests, runs of Actions and issues.

Sources: https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/,
https://github.com/gogs/docs-api/blob/master/Repositories/Webhooks.md and for the signature Gitea's
services/webhook/deliver.go: without a secret its headers are there and empty, and of a form the
signature is over its `payload`. The three grew apart, so every field may be missing or null.
"""

from __future__ import annotations

from devstream_collectors.contract import (
    Collector,
    Option,
    Poll,
    SignatureScheme,
    SourceInfo,
    Webhook,
)
from devstream_collectors.kit.place import check_repository
from devstream_collectors.sources.gitea.poll import parse, requests
from devstream_collectors.sources.gitea.webhook import EVENTS, normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in the repository's or organisation's Settings, Webhooks, Add Webhook (Gitea, Forgejo or \
Gogs):
  Target URL     the address of your receiver with the path that is printed behind it
  Content type   application/json
  Secret         the text in the file that you give with --secret-file
  Trigger on     Push, Create, Delete, Pull Request, Issues, Workflow Run or Action Run
Gitea and Forgejo refuse private addresses until app.ini allows them: [webhook] ALLOWED_HOST_LIST \
= private (or the receiver's name).
Polling, where the forge cannot reach this machine: --poll --url https://HOST --repository \
OWNER/NAME and, for a private repository, --token-file with an access token that may read \
repository and issue."""

COLLECTOR = Collector(
    title="Gitea's, Forgejo's and Gogs' webhooks, or their API polled",
    setup=_SETUP,
    kinds=(Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.TICKET),
    options=(Option("repository", "OWNER/NAME, for polling", needed="poll"),),
    webhook=Webhook(
        auth=(
            SignatureScheme(header="x-gitea-signature", form="bare"),
            SignatureScheme(header="x-gitea-signature", form="bare", over="payload"),
            SignatureScheme(header="x-forgejo-signature", form="bare"),
            SignatureScheme(header="x-gogs-signature", form="bare"),
        ),
        headers=EVENTS,
        delivery_header="x-gitea-delivery",
    ),
    poll=Poll(),
)


def check(source: SourceInfo) -> None:
    """Check the option `repository`.

    Raises:
        ValueError: it is not a repository's name.

    """
    check_repository(source.text("repository"), "OWNER/NAME, such as acme/shop")
