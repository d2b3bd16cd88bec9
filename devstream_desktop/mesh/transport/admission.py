"""Admission of a peer by its certificate: whatever goes wrong keeps it out."""

from __future__ import annotations

import re
from collections.abc import Callable

from devstream_desktop.mesh.membership import Gate

NO_DEVICE = "its certificate does not name a device: it was not made by this team's issuer"

_DEVICE = re.compile(r"[a-z2-7]{52}")


def refusal(gate: Gate, device: str) -> str | None:
    """Return the reason to refuse a link with a device; an error refuses.

    Whatever goes wrong refuses.
    """
    try:
        return gate(device)
    except BaseException as error:  # noqa: BLE001 - whatever leaves an nng callback lets the peer in
        return f"it could not be checked ({type(error).__name__}), so it stays out"


def judge(name: Callable[[], str], gate: Gate) -> tuple[str, str | None]:
    """Return a certificate's device, and the reason to refuse it.

    `name` reads the certificate. Whatever goes wrong refuses.
    """
    try:
        device = name()
    except BaseException as error:  # noqa: BLE001 - as in `refusal`
        return "", f"its certificate could not be read ({type(error).__name__}), so it stays out"
    # The team's issuer puts nothing else into a certificate.
    if not _DEVICE.fullmatch(device):
        return device[:80], NO_DEVICE
    return device, refusal(gate, device)
