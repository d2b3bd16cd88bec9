"""A question to the node, as a window puts it: by a signal, without a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from PySide6.QtCore import QObject

from devstream_desktop.control.messages.base import Reply, Request

R = TypeVar("R", bound=Reply)


class Question(msgspec.Struct, Generic[R], frozen=True):
    """A request, and the functions that take its answer; one of them is called once, later."""

    request: Request[R]
    answer: Callable[[R], None]
    refuse: Callable[[str], None]
    """Called with a sentence for the person when there is no answer."""
    owner: QObject
    """The object that both functions belong to; once it is deleted, neither is called."""
