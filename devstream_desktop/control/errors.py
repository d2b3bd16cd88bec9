"""Errors between a node and its clients, in words for a person."""

from __future__ import annotations

from devstream_desktop.errors import DevstreamError


class ControlError(DevstreamError):
    """The node refused or failed; the message is for a person."""


class StartingError(ControlError):
    """The node is just starting or ending; the same request may be answered in a moment."""


class SilentError(ControlError):
    """The node is there, and does not answer."""

    def __init__(self) -> None:
        super().__init__(
            "the node does not answer; look at node.log in its home, or end it and start it again"
        )


class NoNodeError(ControlError):
    """No node runs for this home."""

    def __init__(
        self,
        sentence: str = "no node runs for this home; start one with `devstream` or"
        " `devstream node`",
    ) -> None:
        super().__init__(sentence)


class NodeStoppedError(NoNodeError):
    """The node stopped while it answered; it may have carried the request out."""

    def __init__(self) -> None:
        super().__init__(
            "the node stopped while answering, so it may be done or not; look before you ask again"
        )


class HomeTakenError(ControlError):
    """Another process has this home: a node, or a command for as long as it works."""

    def __init__(
        self,
        sentence: str = "another node has this home already; end it first, or use another --home",
        *,
        brief: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.brief = brief
        """True for a command: it is done soon, so waiting helps."""
