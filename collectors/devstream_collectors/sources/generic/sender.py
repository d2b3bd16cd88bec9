"""The part of a rules file that says how its sender posts: then the file is a type of source.

[sender]
title = "Vercel's webhooks"                       # one line for the list of types
docs = "https://vercel.com/docs/webhooks/webhooks-api"
setup = "In Vercel, Settings, Webhooks, ..."      # where to click, and what to paste
auth = ["bearer", "basic", "x-api-key", "path"]   # the proofs it can give beside a signature:
                                                  # a token in a header, or the address alone
headers = ["bitrise-event-type"]                  # those read beside `x-...`
signature = [{ header = "x-vercel-signature", algorithm = "sha1", form = "bare" }]
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from devstream_collectors.contract import (
    Basic,
    Collector,
    SecretPath,
    SignatureScheme,
    Token,
    Webhook,
)
from devstream_desktop.stream.words import Kind

HEADERS = ("x-*",)
"""The headers that rules can read."""


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The way a sender posts."""

    title: str
    docs: str
    """The page that its payload and its samples are written after."""
    setup: str
    auth: tuple[str, ...] = ("path",)
    headers: tuple[str, ...] = ()
    signature: tuple[SignatureScheme, ...] = ()


def collector(sender: Sender, kinds: Iterable[Kind | None]) -> Collector:
    """Make the declaration of a sender whose rules make these kinds."""
    made = set(kinds)
    return Collector(
        title=sender.title,
        setup=f"{sender.setup.strip()}\nWhat it posts: {sender.docs}",
        kinds=tuple(kind for kind in Kind if kind in made),
        webhook=Webhook(
            auth=(*sender.signature, *map(_way, sender.auth)),
            headers=(*HEADERS, *sender.headers),
        ),
    )


def _way(word: str) -> Token | Basic | SecretPath:
    match word:
        case "path":
            return SecretPath()
        case "bearer":
            return Token()
        case "basic":
            return Basic()
        case header:
            return Token(header=header, prefix="")
