"""The status window says how far a catch-up is, what is missing, and how each source is."""

from __future__ import annotations

import gettext
import sys
import time

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from devstream_desktop import language
from devstream_desktop.control.check import Check, Checks, Verdict
from devstream_desktop.control.messages.status import (
    CarrierStatus,
    MissingStatus,
    OutletStatus,
    PeerStatus,
    SourceStatus,
)
from devstream_desktop.desktop.client.doctor_process import DoctorProcess
from devstream_desktop.desktop.windows.status_window import StatusWindow
from devstream_desktop.home import Home
from devstream_desktop.stream.words import Kind

CHECKS = Checks(
    1,
    (
        Check("home", Verdict.OK, "<b>/home/ana</b>, private"),
        Check("peers", Verdict.WARNING, "bo was never heard"),
        Check("clock", Verdict.PROBLEM, "this clock is 40 s behind", "turn on network time"),
    ),
)


@pytest.fixture
def window(show, written):
    window = show(StatusWindow(written.state))
    window.disclosure.click()
    return window


def cells(table, row: int) -> list[str]:
    return [table.item(row, column).text() for column in range(table.columnCount())]


def test_it_shows_what_the_doctor_found_the_worst_first_and_what_to_do(show, written):
    window = StatusWindow(written.state)
    asked = []
    window.check_chosen.connect(lambda: asked.append(True))
    show(window)
    written.answer()
    assert asked == [True], "it looks as soon as it is open"
    assert not window.details.isVisible()
    assert not window.again.isEnabled()
    window.show_checks(CHECKS)
    rows = [window.checks.item(row) for row in range(window.checks.count())]
    assert [row.text() for row in rows] == [
        "clock: this clock is 40 s behind\n→ turn on network time",
        "peers: bo was never heard",
        "home: <b>/home/ana</b>, private",
    ]
    spoken = rows[0].data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "problem, clock: This clock is 40 s behind To do: turn on network time"
    assert window.summary.text() == "Needs attention"
    assert window.checked.text() == "1 problem, 1 warning."
    window.copy.click()
    report = QGuiApplication.clipboard().text()
    assert "✗ clock: this clock is 40 s behind\n    → turn on network time" in report
    assert written.state.status.version in report
    window.again.click()
    assert asked == [True, True]
    window.show_checks(Checks(0, CHECKS.checks[:1]))
    assert window.checked.text() == "Nothing is broken."
    assert window.summary.text() == "devstream works"
    window.show_no_checks("devstream doctor cannot be started: no such file.")
    assert "cannot be started" in window.checked.text()
    assert window.again.isEnabled()


def test_production_is_another_question(show, written, story):
    window = show(StatusWindow(written.state))
    written.answer()
    assert window.production.text() == "Of what devstream watches, nothing is red now."
    fields = {"number": "7", "environment": "production", "title": "5xx"}
    firing = story.event(
        Kind.INCIDENT, "firing", "shop", int(time.time() * 1000), "incident/shop/5xx", **fields
    )
    written.add(firing)
    assert "1 thing is red now, and nobody is on it" in window.production.text()
    assert window.summary.text() == "devstream works"


@pytest.mark.process
def test_the_doctor_is_the_one_of_the_command(qtbot, home):
    doctor = DoctorProcess(Home(home))
    with qtbot.waitSignal(doctor.examined, timeout=30_000) as examined:
        doctor.examine()
        doctor.examine()
    names = {check.name for check in examined.args[0].checks}
    assert {"home", "team"} <= names
    broken = DoctorProcess(
        Home(home), command=[sys.executable, "-c", "raise SystemExit('no disk')"]
    )
    with qtbot.waitSignal(broken.failed, timeout=30_000) as failed:
        broken.examine()
    assert failed.args == ["devstream doctor ended without an answer. It reported: no disk."]
    missing = DoctorProcess(Home(home), command=[str(home / "none")])
    with qtbot.waitSignal(missing.failed, timeout=20_000) as failed:
        missing.examine()
    assert failed.args[0].startswith("devstream doctor cannot be started: ")
    for process in (doctor, broken, missing):
        process.close()


@pytest.mark.process
def test_the_doctor_speaks_the_desks_language(qtbot, home, monkeypatch):
    german = gettext.NullTranslations()
    german._info = {"language": "de"}
    monkeypatch.setattr(language, "_catalogue", german)
    script = "import os; raise SystemExit(os.environ['DEVSTREAM_LANGUAGE'])"
    doctor = DoctorProcess(Home(home), command=[sys.executable, "-S", "-c", script])
    with qtbot.waitSignal(doctor.failed, timeout=30_000) as failed:
        doctor.examine()
    assert failed.args[0].endswith(" de.")
    doctor.close()


@pytest.mark.process
@pytest.mark.parametrize("printed", [r'{"checks": "\xff"}', r'{"checks": [' + "[" * 9000])
def test_an_answer_that_is_none_is_a_sentence(qtbot, home, printed):
    script = f"import os; os.write(1, b'{printed}')"
    doctor = DoctorProcess(Home(home), command=[sys.executable, "-S", "-c", script])
    with qtbot.waitSignal(doctor.failed, timeout=30_000) as failed:
        doctor.examine()
    assert failed.args == ["devstream doctor ended without an answer."]
    doctor.close()


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
    assert cells(window.details.peers, 0) == row


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
    assert cells(window.details.sources, 0) == ["shop", "git", "active", "never", "12", "", ""]
    heard, counts = "2h00m ago, every 1m00s", "2 dropped, 4 quiet, 1 refused"
    row = ["hub", "github", "silent", heard, "1,200", counts, "ends in 12 d"]
    assert cells(window.details.sources, 1) == row
    assert window.details.troubles.text() == "hub: the service answered 401"
    written.answer(sources=())
    assert not window.details.troubles.isVisible()
    assert window.details.sources_title.text() == "Sources: none on this computer."


def test_it_says_how_each_outlet_is(window, written):
    now = int(time.time() * 1000)
    written.answer()
    assert not window.details.outlets.isVisible()
    chat = OutletStatus(
        name="chat", form="chat", location="chat.example.org", state="failing", told=1_200,
        seen=now - 7_200_500, waiting=3, refused=1, late=2, error="it answered 503: busy",
    )  # fmt: skip
    feed = OutletStatus(name="team", form="atom", location="/out/team", state="new")
    written.answer(outlets=(chat, feed))
    untold = "3 waiting, 1 refused, 2 left out after a day"
    assert cells(window.details.outlets, 0) == [
        "chat", "chat", "chat.example.org", "failing", "2 h ago", "1,200 posted", untold,
    ]  # fmt: skip
    assert cells(window.details.outlets, 1) == [
        "team", "atom", "/out/team", "new", "never", "read 0 times", "",
    ]  # fmt: skip
    assert window.details.outlets.isVisible()
    assert window.details.outlets_title.isVisible()
    assert window.details.troubles.text() == "chat: it answered 503: busy"
    written.answer(outlets=())
    assert not window.details.outlets.isVisible()


def test_it_says_how_each_carrier_is(window, written):
    now = int(time.time() * 1000)
    written.answer()
    assert not window.details.carriers.isVisible()
    hub = CarrierStatus(
        name="hub", servers=("n1:4222", "n2:4222"), state="gone", unread=1_200, unsent=3,
        since=now - 7_200_500, error="no server answers",
    )  # fmt: skip
    written.answer(carriers=(hub, CarrierStatus(name="lab", state="live")))
    assert cells(window.details.carriers, 0) == [
        "hub", "n1:4222, n2:4222", "gone", "1,200 to read, 3 to send", "2 h ago",
    ]  # fmt: skip
    assert cells(window.details.carriers, 1) == ["lab", "", "live", "", ""]
    assert window.details.carriers_title.isVisible()
    assert window.details.troubles.text() == "hub: no server answers"
    written.answer(carriers=())
    assert not window.details.carriers.isVisible()
    assert not window.details.carriers_title.isVisible()


def test_it_wants_a_new_status_when_shown_and_again_while_open(qtbot, written):
    window = StatusWindow(written.state, stale_ms=0)
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.stale, timeout=20_000):
        window.show()
    with qtbot.waitSignal(window.stale, timeout=20_000):
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
    assert window.details.peers.horizontalScrollBar().maximum() == 0
    assert window.details.peers.focusPolicy() & Qt.FocusPolicy.TabFocus
