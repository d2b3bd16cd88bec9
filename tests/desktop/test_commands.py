"""Commands: one list for keys, menus, palette and sheet."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel

from devstream_desktop.desktop.commands import SPECS, Command, Commands, keys_text
from devstream_desktop.desktop.windows.key_sheet import KeySheet
from devstream_desktop.desktop.windows.palette import Palette


def test_no_two_commands_share_a_key(qapp):
    commands = Commands()
    keys = [key for command in Command for key in commands.action(command).shortcuts()]
    assert len(keys) == len(set(keys))


def test_every_command_does_something_in_the_window(window, pushes):
    shown = window(*pushes(1))
    bound = {action.text() for action in shown.actions()}
    assert bound == {spec.text for spec in SPECS.values()}


def test_what_is_about_a_line_needs_one(window, pushes):
    shown = window(*pushes(1))
    copy = shown.commands.action(Command.COPY_LINE)
    assert not copy.isEnabled()
    shown.browser.view.select_first()
    assert copy.isEnabled()
    assert copy in shown.browser.view.actions()


def test_the_palette_finds_by_any_word_and_starts_with_enter(qtbot, qapp):
    commands, done = Commands(), []
    commands.bind(Command.DUTY, lambda: done.append("duty"))
    palette = Palette(commands.usable)
    palette.show()
    qtbot.keyClicks(palette.field, "off du")
    assert [palette.list.item(row).text() for row in range(palette.list.count())] == [
        "Go on or off duty"
    ]
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert done == ["duty"]


def test_the_palette_moves_with_the_arrow_keys(qtbot, qapp):
    commands = Commands()
    palette = Palette(commands.usable)
    qtbot.addWidget(palette)
    palette.show()
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    assert palette.list.currentRow() == 1


def test_the_sheet_tells_every_key(qtbot, qapp):
    commands = Commands()
    sheet = KeySheet(commands.usable)
    qtbot.addWidget(sheet)
    told = {label.accessibleName() for label in sheet.findChildren(QLabel)}
    for action in commands.usable:
        if keys := keys_text(action):
            assert f"{action.text().rstrip('…')}: {keys}" in told


@pytest.mark.parametrize(
    ("command", "copied"),
    [
        (Command.COPY_LINK, "https://git.example.org/"),
        (Command.COPY_MARKDOWN, "[shop  bo pushed 1 commit to main · 0000000 — Commit 0]("),
    ],
)
def test_a_line_is_copied_as_what_is_asked_for(window, pushes, command, copied):
    shown = window(*pushes(1))
    shown.browser.view.select_first()
    shown.commands.action(command).trigger()
    assert QGuiApplication.clipboard().text().startswith(copied)
