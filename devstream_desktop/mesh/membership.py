"""The team as the mesh asks for it: who may connect, and who may write what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from devstream_desktop.mesh.replica.author_table import AuthorTable

Gate = Callable[[str], str | None]
"""Gives the reason to refuse a link with a device; None where it may be linked with."""


class Membership(AuthorTable, Protocol):
    """The current policy's rules about devices and authors."""

    def gate(self, device: str) -> str | None:
        """Return the reason to refuse a link with a device; None where it may be linked with.

        Called on transport threads too: it must neither block nor await.
        """
