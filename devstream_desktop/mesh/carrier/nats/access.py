"""Access to NATS servers: where, as whom, and whether a client for it is installed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

MISSING = (
    "the client for NATS is not installed; install devstream with it: pip install 'devstream[nats]'"
)
SEED = re.compile(r"\bSU[A-Z2-7]{40,60}\b")
JWT = "BEGIN NATS USER JWT"


@dataclass(frozen=True)
class Access:
    """Addresses of a cluster of servers, and the credentials for it."""

    urls: Sequence[str]
    ca: str = ""
    """A file with the authorities of the servers' certificates; empty: this machine's."""
    credentials: str = ""
    """A secret: the text of a `.creds` file, or an nkey's seed."""
    own: Callable[[], tuple[str, str]] | None = field(default=None, repr=False)
    """Gives certificate and key, PEM, for a server that asks for one."""


def proves(credentials: str) -> bool:
    """Tell whether a text holds the seed of a user."""
    return SEED.search(credentials) is not None


def missing_client() -> str:
    """Return a sentence where the client is not installed; empty where it is."""
    return "" if find_spec("nats") and find_spec("nkeys") else MISSING
