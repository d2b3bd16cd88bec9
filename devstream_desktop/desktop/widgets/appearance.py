"""Light or dark windows."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from devstream_desktop.desk.preferences import Colours
from devstream_desktop.desktop.widgets.theme import Tone, colour, is_dark

_SCHEMES = {
    Colours.SYSTEM: Qt.ColorScheme.Unknown,
    Colours.LIGHT: Qt.ColorScheme.Light,
    Colours.DARK: Qt.ColorScheme.Dark,
}
_SURFACES = {
    Colours.LIGHT: ("#fbfbfa", "#f3f4f3", "#1d2321", "#ffffff"),
    Colours.DARK: ("#1e2221", "#252a28", "#e7ecea", "#0d1615"),
}
"""Paper, window, text, and text on the accent."""


def show_colours(colours: Colours) -> None:
    """Give all windows these colours."""
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        return
    # Also back from colours of ours; without a role of its own a palette is the desktop's.
    application.setPalette(QPalette())
    QGuiApplication.styleHints().setColorScheme(_SCHEMES[colours])
    # Some platforms have no scheme to set: a bare X session, or an old desktop.
    if colours in _SURFACES and is_dark(application.palette()) != (colours is Colours.DARK):
        application.setPalette(palette_of(colours))


def palette_of(colours: Colours) -> QPalette:
    """Return our own palette, light or dark."""
    paper, window, text, chosen = (QColor(one) for one in _SURFACES[colours])
    # Qt derives edges and shadows from the colour of a button.
    palette = QPalette(window)
    roles = QPalette.ColorRole
    for role in (roles.Base, roles.AlternateBase, roles.ToolTipBase):
        palette.setColor(role, paper)
    for role in (roles.Text, roles.WindowText, roles.ButtonText, roles.ToolTipText):
        palette.setColor(role, text)
    palette.setColor(roles.Highlight, colour(Tone.ACCENT, palette))
    palette.setColor(roles.HighlightedText, chosen)
    for role in (roles.Text, roles.WindowText, roles.ButtonText):
        faint = QColor(text)
        faint.setAlphaF(0.45)
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    return palette
