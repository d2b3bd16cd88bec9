"""Base of requests and answers, and two answers to any request."""

from __future__ import annotations

from typing import Generic, TypeVar, get_args

import msgspec


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="is"):
    """An answer; on the wire its tag is the class name."""


_R_co = TypeVar("_R_co", bound=Reply, covariant=True)


class Request(msgspec.Struct, Generic[_R_co], frozen=True, kw_only=True, tag_field="is"):
    """A request that is answered with an `_R_co`; on the wire its tag is the class name."""

    @classmethod
    def reply_type(cls) -> type[_R_co]:
        """Return the class of its answer."""
        (base,) = cls.__orig_bases__  # type: ignore[attr-defined]  # what PEP 560 keeps of Request[...]
        reply: type[_R_co] = get_args(base)[0]
        return reply


class Done(Reply, frozen=True, tag=True, kw_only=True):
    """The request was carried out, durably."""

    text: str = ""
    notice: str = ""
    """A sentence about it that is no part of it."""


class Refused(Reply, frozen=True, tag=True, kw_only=True):
    """The request was not carried out."""

    reason: str
    """A sentence: what happened, what it means, what to do."""
    again: bool = False
    """The node is just starting: the same request will be answered in a moment."""
