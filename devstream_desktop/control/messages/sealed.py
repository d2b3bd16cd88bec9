"""Requests about what a node keeps sealed: secrets of deploys, outlets and carriers.

The node's key may be its alone, as that of a service is. The secrets travel over the socket of the
home's owner, and are never stored plain.
"""

from __future__ import annotations

from typing import Literal

from devstream_desktop.control.messages.base import Done, Request


class SetSecret(Request[Done], frozen=True, tag=True, kw_only=True):
    """Keep a secret that targets may name; answered with `Done`."""

    name: str
    value: bytes


class AddOutlet(Request[Done], frozen=True, tag=True, kw_only=True):
    """Add an outlet; answered with `Done`: the key that signs, or the token of a feed."""

    name: str
    form: Literal["cloudevents", "chat", "atom"]
    search: str = ""
    address: str = ""
    """Empty for a feed."""
    key: str = ""
    """Empty to have one made."""


class TryOutlet(Request[Done], frozen=True, tag=True, kw_only=True):
    """Post a line of a test, or read the feed; answered with `Done` (a sentence)."""

    name: str


class AddCarrier(Request[Done], frozen=True, tag=True, kw_only=True):
    """Add a carrier; answered with `Done`. The fields are those of `mesh/carrier/config.py`."""

    kind: Literal["nats"]
    urls: tuple[str, ...]
    ca: str = ""
    replicas: int = 1
    relay: bool = True
    site: str = ""
    credentials: str = ""


class TryCarrier(Request[Done], frozen=True, tag=True, kw_only=True):
    """Connect as the carrier does; answered with `Done`: what is amiss, a sentence a line."""

    name: str
