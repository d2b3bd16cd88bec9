"""Links from outside: only web addresses are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QUrl


def safe_link(text: str) -> QUrl | None:
    """Return the URL of `text`, or None when it is unsafe.

    Safe is http or https, with a host, without a user name (which can pose as the host).
    """
    # Late: a start shows links and opens none.
    from PySide6.QtCore import QUrl

    # Other schemes start programs, or send this person's credentials to a file server.
    # "https://example.org@evil.example/" shows one host and opens the other.
    url = QUrl(text, QUrl.ParsingMode.StrictMode)
    if (
        not url.isValid()
        or url.scheme() not in ("http", "https")
        or not url.host()
        or url.userInfo()
    ):
        return None
    return url


def open_link(text: str) -> bool:
    """Open `text` in the browser; return false when it is unsafe or no browser took it."""
    from PySide6.QtGui import QDesktopServices

    url = safe_link(text)
    return url is not None and QDesktopServices.openUrl(url)
