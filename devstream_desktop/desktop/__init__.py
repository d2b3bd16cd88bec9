"""The desktop app: tray, popups and windows.

The only room that knows Qt. It is a client of its node: `client/` has the connection and the state,
`app.py` sends what the windows ask, and no other part knows the connection.
"""

import builtins
from contextlib import suppress

# PySide reads the source of every module imported after it, for `from __feature__ import`, which is
# not used here: a fifth of a start, and 9 MB of sources kept.
_plain = builtins.__import__
with suppress(ImportError):
    import PySide6.QtCore  # noqa: F401
builtins.__import__ = _plain
