"""The status window says how far a catch-up is, what is missing, and how each source is."""

from __future__ import annotations

import time

import msgspec
import pytest
from PySide6.QtCore import Qt

from devstream_desktop.control.messages.status import (
    MissingStatus,
    OutletStatus,
    PeerStatus,
    SourceStatus,
)
from devstream_desktop.desktop.windows.status_window import StatusWindow


@pytest.fixture
def window(show, written):
    return show(StatusWindow(written.state))


def cells(table, row: int) -> list[str]:
    return [table.item(row, column).text() for column in range(table.columnCount())]


def test_it_says_how_far_and_what_is_missing(window, written):
    written.answer()
    assert window.summary.text() == "devstream works"
    assert not window.missing.isVisible()
    lost = MissingStatus(device="b" * 52, person="bo", why="nobody", count=3)
    peer = PeerStatus(
        device="b" * 52,
        person="bo",
        address="10.0.0.6:1",
        state="syncing",
        direction="dialed",
        behind=7_880,
        clock_offset=9_000,
    )
    written.answer(missing=7_880, catch_up_total=12_000, lost=(lost,), peers=(peer,))
    assert window.summary.text() == "Catching up: 4,120 of 12,000 events"
    assert window.progress.isVisible()
    missing = "Missing: 3 events of bo (device bbbbbbbb): no linked neighbour has them"
    assert window.missing.text() == missing
    row = ["bo", "bbbbbbbb", "10.0.0.6:1", "syncing, dialed", "7,880 / 0", "9 s ahead", "never"]
    assert cells(window.peers, 0) == row


def test_it_says_how_each_source_is(window, written, fake):
    now = int(time.time() * 1000)
    well = msgspec.structs.replace(fake.SOURCE, seen=0)
    ill = SourceStatus(
        name="hub",
        type="github",
        location="",
        state="silent",
        seen=now - 7_200_500,
        error="the service answered 401",
        events=1_200,
        expected=60,
        token_ends=now + 12 * fake.DAY_MS + 60_000,
        dropped={"a draft": 2},
        quieted={"rate": 3, "flapping": 1},
        refused=1,
    )
    written.answer(sources=(well, ill))
    assert cells(window.sources, 0) == ["shop", "git", "active", "never", "12", "", ""]
    heard, counts = "2h00m ago, every 1m00s", "2 dropped, 4 quiet, 1 refused"
    row = ["hub", "github", "silent", heard, "1,200", counts, "ends in 12 d"]
    assert cells(window.sources, 1) == row
    assert window.troubles.text() == "hub: the service answered 401"
    written.answer(sources=())
    assert not window.troubles.isVisible()
    assert window.sources_title.text() == "Sources: none on this computer."


def test_it_says_how_each_outlet_is(window, written):
    now = int(time.time() * 1000)
    written.answer()
    assert not window.outlets.isVisible()
    chat = OutletStatus(
        name="chat", form="chat", location="chat.example.org", state="failing", told=1_200,
        seen=now - 7_200_500, waiting=3, refused=1, late=2, error="it answered 503: busy",
    )  # fmt: skip
    feed = OutletStatus(name="team", form="atom", location="/out/team", state="new")
    written.answer(outlets=(chat, feed))
    untold = "3 waiting, 1 refused, 2 left out after a day"
    assert cells(window.outlets, 0) == [
        "chat", "chat", "chat.example.org", "failing", "2 h ago", "1,200 posted", untold,
    ]  # fmt: skip
    assert cells(window.outlets, 1) == [
        "team", "atom", "/out/team", "new", "never", "read 0 times", "",
    ]  # fmt: skip
    assert window.outlets.isVisible()
    assert window.outlets_title.isVisible()
    assert window.troubles.text() == "chat: it answered 503: busy"
    written.answer(outlets=())
    assert not window.outlets.isVisible()


def test_it_wants_a_new_status_when_shown_and_again_while_open(qtbot, written):
    window = StatusWindow(written.state, stale_ms=0)
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.stale, timeout=1_000):
        window.show()
    with qtbot.waitSignal(window.stale, timeout=1_000):
        pass


def test_a_long_name_pushes_nothing_out_of_sight(window, written):
    peer = PeerStatus(
        device="b" * 52,
        person="W" * 60,
        address="192.168.100.100:57450",
        state="live",
        direction="dialed",
    )
    written.answer(peers=(peer,))
    assert window.peers.horizontalScrollBar().maximum() == 0
    assert window.peers.focusPolicy() & Qt.FocusPolicy.TabFocus
