"""Time-outs and periods of links."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds; injected so that tests need not wait for a sleeping laptop."""

    connect: float = 8.0
    """Time for TCP, TLS and the gate.

    On a slow Wi-Fi, with retransmissions.
    """
    request: float = 10.0
    """Time for any answer but TAIL's."""
    tail_wait: float = 25.0
    """Time that the peer keeps a TAIL without news: the heartbeat.

    NAT tables forget idle connections after 30 s and more.
    """
    tail: float = 35.0
    """Time for TAIL's answer: a frozen peer is noticed within 35 s."""
    repair: float = 300.0
    """Period of comparing digests although nothing seems wrong, plus or minus half."""
    peers: float = 60.0
    """Period of asking a neighbour whom it knows, give or take half.

    As HyParView shuffles its views (docs/architecture.md, Overlay): a peer that was given one
    address, before others came, must not depend on it. An answer is about a kilobyte.
    """
    life: float = 3600.0
    """The longest life of a link, which is then dialed anew.

    nng reports nothing of a peer's certificate but the name in it. By dialing anew both ends check
    each other's dates again, and a certificate that expired meanwhile ends the link.
    """
