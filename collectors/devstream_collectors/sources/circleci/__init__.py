"""CircleCI: workflows, by its outbound webhooks or from its API.

Sources: https://circleci.com/docs/reference/outbound-webhooks-reference/,
https://circleci.com/docs/api/v2/ and, for the signature,
https://circleci.com/docs/guides/integration/outbound-webhooks/. Any field may be missing or null.
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
    Token,
    Webhook,
)
from devstream_collectors.sources.circleci.poll import parse, requests
from devstream_collectors.sources.circleci.webhook import EVENT, normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in the project's Settings, Webhooks, Add Webhook:
  Receiver URL    the address of your receiver with the path that is printed behind it; it needs \
a certificate that CircleCI trusts
  Events          Workflow Completed
  Secret token    the text in the file that you give with --secret-file
Polling, where CircleCI cannot reach this machine: --poll --project gh/OWNER/NAME (the project's \
slug, in its Settings, Overview) and --token-file with a personal API token (User Settings, \
Personal API Tokens). CircleCI server: add --url https://HOST."""

COLLECTOR = Collector(
    title="CircleCI's webhooks, or its API polled",
    setup=_SETUP,
    kinds=(Kind.BUILD, Kind.TEST),
    webhook=Webhook(
        auth=(SignatureScheme(header="circleci-signature", form="pairs", label="v1"), SecretPath()),
        headers=(EVENT,),
    ),
    options=(Option("project", "the project's slug, gh/OWNER/NAME, for polling", needed="poll"),),
    poll=Poll(
        url="https://circleci.com",
        auth=(Token(header="circle-token", prefix=""),),
        needs_token=True,
    ),
)
_SLUG = re.compile(r"[a-z-]+/[^/\s?#%]+/[^/\s?#%]+")


def check(source: SourceInfo) -> None:
    """Check the option `project`.

    Raises:
        ValueError: it is no slug.

    """
    slug = source.text("project")
    if slug and not _SLUG.fullmatch(slug):
        raise ValueError(
            "project is a slug, gh/OWNER/NAME or circleci/ID/ID, as the project's Settings, "
            f"Overview show it; {slug!r} is none"
        )
