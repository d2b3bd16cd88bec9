"""pynng for commands, without the event loop that they never run.

pynng imports asyncio for its `async` calls alone. That takes a quarter of the time of a command
that asks a node one thing, so it is loaded when one of those calls is made, which none is here.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

_NAME = "asyncio"


class _Later(ModuleType):
    """Stand-in for asyncio, which loads it at the first look into it."""

    def __getattr__(self, name: str) -> Any:
        # An import system looks at the names that each module has.
        if name.startswith("__"):
            raise AttributeError(name)
        _leave(self)
        import asyncio

        return getattr(asyncio, name)


def _leave(standin: ModuleType) -> None:
    if sys.modules.get(_NAME) is standin:
        del sys.modules[_NAME]


_standin = _Later(_NAME)
sys.modules.setdefault(_NAME, _standin)
try:
    import pynng
finally:
    # Everybody else gets the real one.
    _leave(_standin)

__all__ = ["pynng"]
