"""Answers to whoever asks an executor for what cannot be."""

from __future__ import annotations

from typing import ClassVar

from devstream_desktop.errors import DevstreamError


class PlanError(DevstreamError):
    """No plan can be made; the message says why, and what can be named instead."""


class CallbackError(DevstreamError):
    """A service's word on a run is not taken; the message and `status` are the answer to it."""

    UNREADABLE: ClassVar[int] = 400
    UNPROVEN: ClassVar[int] = 401
    UNKNOWN: ClassVar[int] = 404
    LATER: ClassVar[int] = 503

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
