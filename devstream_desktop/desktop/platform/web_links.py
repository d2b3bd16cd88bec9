"""Opening a link that came from outside: only what a browser should be given."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def safe_link(text: str) -> QUrl | None:
    """The URL of `text` when it is http or https with a host and without a user name in it, else nothing."""
    url = QUrl(text, QUrl.ParsingMode.StrictMode)
    if not url.isValid() or url.scheme() not in ("http", "https") or not url.host() or url.userInfo():
        return None
    return url


def open_link(text: str) -> bool:
    """Open `text` in the browser; whether that was allowed and a browser took it."""
    url = safe_link(text)
    return url is not None and QDesktopServices.openUrl(url)
