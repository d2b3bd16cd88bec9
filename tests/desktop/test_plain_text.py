"""Text from outside is never markup: the safe forms work, and nobody uses the unsafe ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

from devstream_desktop.desktop.platform.web_links import safe_link
from devstream_desktop.desktop.widgets import plain, text

DESKTOP = Path(plain.__file__).parents[1]
BANNED = {
    "QLabel",
    "QMessageBox",
    "QTextBrowser",
    "QTextEdit",
    "QToolTip",
    "QWhatsThis",
    "QErrorMessage",
    "QTextDocument",
    "QStaticText",
}
BANNED_METHODS = {
    "setHtml",
    "insertHtml",
    "appendHtml",
    "setToolTip",
    "setWhatsThis",
    "setStatusTip",
    "setTextFormat",
    "setMarkdown",
}
NOT_A_WIDGET = {("tray.py", "setToolTip")}  # the tray icon's, whose text goes through popup_text


def test_only_one_file_makes_widgets_that_could_read_markup():
    wrong = []
    for file in DESKTOP.rglob("*.py"):
        if file.name == "text.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr
                    if isinstance(node.func, ast.Attribute)
                    else getattr(node.func, "id", "")
                )
                bare = isinstance(node.func, ast.Name) and name in BANNED
                box = (
                    isinstance(node.func, ast.Attribute)
                    and getattr(node.func.value, "id", "") in BANNED
                )
                method = (
                    isinstance(node.func, ast.Attribute)
                    and name in BANNED_METHODS
                    and (file.name, name) not in NOT_A_WIDGET
                )
                if bare or box or method:
                    wrong.append(f"{file.relative_to(DESKTOP)}:{node.lineno} {name}")
    assert wrong == []


HOSTILE = ["<b>bold</b>", "<img src='/etc/passwd'>", "&amp;&lt;"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_text_that_is_laid_out_is_drawn_as_it_is_written(qapp, hostile):
    font = qapp.font()
    laid_out = text.laid_out(hostile, font)
    assert laid_out.textFormat() is Qt.TextFormat.PlainText
    # As markup it would be narrower: tags and entities have no width.
    assert abs(laid_out.size().width() - QFontMetrics(font).horizontalAdvance(hostile)) < 2


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_label_shows_markup_as_it_is_written(qtbot, hostile):
    label = text.PlainLabel(hostile)
    qtbot.addWidget(label)
    assert label.textFormat() is Qt.TextFormat.PlainText
    assert label.text() == hostile
    assert label.sizeHint().height() <= text.PlainLabel("plain").sizeHint().height()


def test_an_elided_label_never_asks_for_more_room_and_keeps_the_whole(qtbot):
    label = text.ElidedLabel("word " * 100)
    qtbot.addWidget(label)
    label.resize(120, 20)
    label.show()
    assert label.text().endswith("…")
    assert label.accessibleName() == "word " * 100


@given(st.text())
def test_a_popup_has_no_character_that_a_server_could_read_as_markup(given_text):
    shown = plain.popup_text(given_text)
    assert not set("<>&") & set(shown)
    assert "\n" not in shown
    assert len(shown) <= 200


@given(st.text())
def test_a_menu_has_no_access_key_and_no_shortcut_from_outside(given_text):
    shown = plain.menu_text(given_text)
    assert "&" not in shown.replace("&&", "")
    assert "\t" not in shown


def test_a_menu_keeps_the_gap_after_the_service():
    assert plain.menu_text("shop  R&D\tpushed") == "shop  R&&D pushed"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://git.example.org/a?b=c#d", True),
        ("http://localhost:8080/", True),
        ("https://user@example.org/", False),
        ("https:///nowhere", False),
        ("file:///etc/passwd", False),
        ("smb://host/share", False),
        ("javascript:alert(1)", False),
        ("ms-settings:x", False),
        ("//example.org", False),
        ("", False),
    ],
)
def test_only_a_web_address_with_a_host_is_opened(url, good):
    assert (safe_link(url) is not None) is good
