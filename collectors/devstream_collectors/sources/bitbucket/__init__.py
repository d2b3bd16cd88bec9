"""Bitbucket, Cloud and Data Center: pushes, merged pull requests, builds and issues.

Sources: https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/,
https://developer.atlassian.com/cloud/bitbucket/rest/ and, for the signature,
https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/. Data Center's payloads and API
are in `server.py` and `server_poll.py`. Every field may be missing or null.
"""

from __future__ import annotations

from devstream_collectors.contract import (
    Basic,
    Collector,
    Option,
    Poll,
    Polled,
    Request,
    Response,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.place import check_repository
from devstream_collectors.sources.bitbucket import poll, server_poll
from devstream_collectors.sources.bitbucket.webhook import EVENT, normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

CLOUD = "https://api.bitbucket.org"
_SETUP = """\
Webhook: in the repository's Repository settings, Webhooks, Add webhook (Data Center: Create \
webhook):
  URL         the address of your receiver with the path that is printed behind it
  Secret      the text in the file that you give with --secret-file
  Triggers    Push, Build status created, Build status updated, Pull request merged, Issue \
created, Issue updated
Bitbucket Cloud posts only to addresses with a certificate that the world trusts. It never says \
which branch is the default: without --branch these are main and master.
Polling, where it cannot reach this machine: --poll --repository WORKSPACE/REPOSITORY and \
--token-file with a repository access token (repositories, pull requests, issues: read), or \
USER:PASSWORD. Data Center: add --url https://HOST; --repository is PROJECT/REPOSITORY."""

COLLECTOR = Collector(
    title="Bitbucket's webhooks, or its API polled: Cloud and Data Center",
    setup=_SETUP,
    kinds=(Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.TICKET),
    options=(
        Option(
            "repository",
            "WORKSPACE/REPOSITORY (Data Center: PROJECT/REPOSITORY), for polling",
            needed="poll",
        ),
    ),
    webhook=Webhook(
        auth=(SignatureScheme(header="x-hub-signature"), Basic(), SecretPath()),
        headers=(EVENT,),
        delivery_header="x-request-uuid",
    ),
    poll=Poll(url=CLOUD, auth=(Token(), Basic()), interval=60),
)


def check(source: SourceInfo) -> None:
    """Check the option `repository`.

    Raises:
        ValueError: it is not a repository's name.

    """
    check_repository(source.text("repository"), "WORKSPACE/REPOSITORY, such as acme/shop")


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """Begin a round: Bitbucket Cloud and Data Center have APIs that differ."""
    begin = poll.requests if source.url == CLOUD else server_poll.requests
    return begin(cursor, source, now)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """Read an answer.

    Raises:
        ValueError: it is not what the API answers.

    """
    read = poll.parse if source.url == CLOUD else server_poll.parse
    return read(response, cursor, source)
