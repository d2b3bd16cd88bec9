"""Failures of a team and its policy; every message says what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError


class TeamError(DevstreamError):
    """This home's team cannot be made, read or left."""


class NoTeamError(TeamError):
    """This home belongs to no team yet."""


class PolicyError(DevstreamError):
    """An unacceptable policy, or a change that is not allowed."""


class PolicyForkError(PolicyError):
    """Two policies of one version, both properly signed.

    An admin's key was used twice, or stolen.
    """


@contextlib.contextmanager
def written() -> Iterator[None]:
    """Turn a disk's refusal into a `TeamError`."""
    try:
        yield
    except OSError as error:
        raise TeamError(
            f"the team's files cannot be written ({machine.reason(error)}); nothing was changed"
        ) from error
