"""The limit of files and connections that this process may have open.

macOS begins with 256, which a team and its desks can use up.
"""

from __future__ import annotations

import contextlib
import sys

if sys.platform != "win32":
    import resource

_MANY = 65_536


def raise_soft_limit(wanted: int = 8192) -> None:
    """Let this process open `wanted` files, within its hard limit."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        # macOS has a second limit, which it does not show.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def soft_limit() -> int:
    """Return the count of files that this process may have open.

    Many where that is not bounded or not known.
    """
    if sys.platform == "win32":
        return _MANY
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MANY if soft == resource.RLIM_INFINITY else soft


def room_for(connections: int) -> int:
    """Return the count of connections of one sort that may be open.

    `connections`, or an eighth of the descriptors where these are few.
    """
    return min(connections, max(1, soft_limit() // 8))
