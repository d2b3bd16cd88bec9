"""The dialog for a note, and for a thing to be taken over."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from test_red_now import alert

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import GetMembers
from devstream_desktop.control.messages.stream import Note
from devstream_desktop.desktop.windows.note_dialog import NoteDialog
from devstream_desktop.stream.attention import Desk, Recent, decide
from devstream_desktop.stream.rules import Attention
from devstream_desktop.stream.words import Kind


@pytest.fixture
def line(story):
    return story.line_of(alert(story))


def test_a_note_is_published_once_and_closes(qtbot, show, asked, line, fake):
    dialog = show(NoteDialog(line, "ana"))
    asked.answer(fake.MEMBERS, GetMembers)
    assert dialog.to.currentText() == "Nobody in particular"
    assert not dialog.go.isEnabled(), "it says nothing yet"
    qtbot.keyClicks(dialog.note, "waiting for the bank")
    qtbot.keyClick(dialog.note, Qt.Key.Key_Return)
    assert not dialog.go.isEnabled()
    (request,) = asked.of(Note)
    assert request == Note(entry=line.entry, note="waiting for the bank")
    asked.answer(Done(text="said"), Note)
    assert not dialog.isVisible()


def test_a_thing_is_handed_to_somebody_else_of_the_team(qtbot, show, asked, line, fake):
    dialog = show(NoteDialog(line, "ana", hand=True))
    asked.answer(fake.MEMBERS, GetMembers)
    people = [dialog.to.itemText(place) for place in range(dialog.to.count())]
    assert people
    assert "ana" not in people
    qtbot.keyClicks(dialog.note, "I leave at six")
    dialog.to.setCurrentText("chen")
    dialog.go.click()
    assert asked.of(Note)[0].to == "chen"
    asked.refuse("nobody publishes", Note)
    assert dialog.message.text() == "nobody publishes"
    assert dialog.go.isEnabled()


@pytest.mark.parametrize(
    ("to", "duty", "attention"),
    [
        ("ana", True, Attention.POPUP),
        ("ana", False, Attention.QUIET),
        ("chen", True, Attention.QUIET),
    ],
)
def test_who_is_asked_to_take_over_is_told(story, to, duty, attention):
    now = int(time.time() * 1000)
    at = {"service": "shop", "subject": "incident/shop/5xx", "actor": "bo", "about": to}
    event = story.event(Kind.CLAIM, "claimed", time=now, action="note", reason="I leave", **at)
    desk = Desk(person="ana", on_duty=duty, rules=())
    decision = decide(story.line_of(event), desk, Recent(), now)
    assert decision.attention is attention
    if attention is Attention.POPUP:
        assert decision.reason == "you are asked to take over"
