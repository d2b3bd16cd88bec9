"""What every request and answer has in common: a tag on the wire, and the two answers that any request may get."""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="is"):
    """A request; on the wire its tag is the class name."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="is"):
    """An answer; on the wire its tag is the class name."""


class Done(Reply, frozen=True, tag=True, kw_only=True):
    """It is done, and durable."""

    text: str = ""


class Refused(Reply, frozen=True, tag=True, kw_only=True):
    """It is not done; the sentence says what happened, what it means and what to do."""

    reason: str
    again: bool = False
    """The node is just starting: the same request will be answered in a moment."""
