"""The window over a real history: live rows, paging, the anchor, search, details and what it says when there is nothing."""

from __future__ import annotations

import time

import msgspec
import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication

from devstream_desktop.control.messages.status import GetStatus, MissingStatus, PeerStatus, SourceStatus
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.windows.history.details import fields
from devstream_desktop.desktop.windows.history.model import LINE_ROLE, PAGE, Column
from devstream_desktop.desktop.windows.history.window import HistoryWindow
from devstream_desktop.desktop.windows.status_window import StatusWindow
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.query import parse_query

CONNECTED = True


def now() -> int:
    return int(time.time() * 1000)


class Silence(QObject):
    """A link to no node; what it is asked is kept."""

    connected = Signal(bool)
    news = Signal(int)
    status_changed = Signal()
    failed = Signal(str)

    def __init__(self):
        super().__init__()
        self.asked = []

    def request(self, request, on_reply, on_error=lambda _: None, *, owner=None):
        self.asked.append((request, on_reply, on_error))


class Written:
    """A history in this process, and the desk that reads it."""

    def __init__(self, fake, home):
        self.node = fake.FakeNode(Home(home))
        self.link = Silence()
        self.reader = Reader(Home(home).history)
        self.state = AppState(self.link, self.reader)

    def add(self, *events, age=0):
        self.node.add(list(events), age)
        self.link.news.emit(self.node.history.newest())

    def answer(self, **changes):
        """The node is there and says how it is."""
        self.link.connected.emit(CONNECTED)
        self.state._set_status(self.node_status(**changes))

    def node_status(self, **changes):
        import msgspec

        return msgspec.structs.replace(self.node.status, **changes)

    def close(self):
        self.reader.close()
        self.node.history.close()


@pytest.fixture
def written(qapp, fake, home):
    # The fake node makes a lock of the running loop's; here it only writes.
    written = Written(fake, home)
    yield written
    written.close()


@pytest.fixture
def window(qtbot, written):
    def make(*events):
        if events:
            written.add(*events)
        window = HistoryWindow(written.state, lambda line: "No popup: a test.")
        qtbot.addWidget(window)
        window.resize(900, 600)
        window.show()
        return window

    return make


def column(window, what: Column) -> list[str]:
    model = window.model
    return [model.index(row, what).data() for row in range(model.rowCount())]


def pushes(story, count, start=0):
    began = now() - 3_600_000
    return [story.push("shop", began + place * 1000, "bo", f"Commit {place}", f"{place:040x}") for place in range(start, start + count)]


def test_rows_are_newest_first_with_words_for_states(window, story):
    shown = window(*story.day(now()))
    assert column(shown, Column.STATE)[:3] == ["◐ running", "◆ pushed", "● claimed"]
    assert "✗ broken" in column(shown, Column.STATE)
    assert "✓ fixed" in column(shown, Column.STATE)
    what = shown.model.index(0, Column.STATE).data(Qt.ItemDataRole.AccessibleTextRole)
    assert what == "State: running"


def test_a_live_row_comes_in_on_top(window, written, story):
    shown = window(*pushes(story, 3))
    written.add(story.push("search", now(), "chen", "Live", "ff" * 20))
    assert column(shown, Column.SERVICE) == ["search", "shop", "shop", "shop"]
    assert not shown.table.pill.isVisible()


def test_a_later_state_takes_the_place_of_its_row(window, written, story):
    request = "ab" * 16
    shown = window(*pushes(story, 2), story.deploy("shop", now() - 5_000, "in_progress", "cd" * 20, request))
    written.add(story.push("shop", now() - 2_000, "bo", "Between", "ee" * 20))
    written.add(story.deploy("shop", now(), "success", "cd" * 20, request, duration=5_000))
    assert column(shown, Column.STATE) == ["✓ success", "◆ pushed", "◆ pushed", "◆ pushed"]


def test_scrolling_reads_on_until_the_beginning(window, story):
    shown = window(*pushes(story, PAGE + 40))
    assert shown.model.rowCount() == PAGE
    shown.table.scrollToBottom()
    shown.model.fetchMore(shown.model.index(-1, -1))
    assert shown.model.rowCount() == PAGE + 40
    assert not shown.model.canFetchMore(shown.model.index(-1, -1))


def test_what_is_read_stays_in_place_while_rows_come_in(qtbot, window, written, story):
    shown = window(*pushes(story, 80))
    bar = shown.table.verticalScrollBar()
    bar.setValue(20)
    reading = shown.model.line(shown.table.rowAt(2)).id
    written.add(*(story.push("search", now() + place, "chen", "Live", f"{place:039x}f", ref=f"b{place}") for place in range(3)))
    assert shown.model.line(shown.table.rowAt(2)).id == reading
    assert shown.table.pill.isVisible()
    assert shown.table.pill.text() == "↑ 3 new"
    qtbot.mouseClick(shown.table.pill, Qt.MouseButton.LeftButton)
    assert shown.table.at_top
    assert not shown.table.pill.isVisible()


def test_search_as_one_types_and_live_rows_only_where_they_answer(qtbot, window, written, story):
    shown = window(*story.day(now()))
    qtbot.keyClicks(shown.filters.search, "retry card")
    qtbot.waitUntil(lambda: shown.model.rowCount() == 1, timeout=2_000)
    written.add(
        story.push("shop", now(), "bo", "Something else", "aa" * 20), story.push("shop", now() + 1, "bo", "Retry the cards", "bb" * 20)
    )
    assert [line[:2] for line in column(shown, Column.WHAT)] == ["bo", "ch"]
    qtbot.keyClick(shown.filters.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: shown.model.rowCount() > 10, timeout=2_000)


def test_filters_hold_and_a_mistake_is_explained(qtbot, window, story):
    shown = window(*story.day(now()))
    shown.filters.environments.setCurrentIndex(shown.filters.environments.findData("production"))
    shown.filters.kinds.setCurrentIndex(shown.filters.kinds.findData("deploy"))
    qtbot.waitUntil(lambda: set(column(shown, Column.ENVIRONMENT)) == {"production"}, timeout=2_000)
    assert shown.model.query == parse_query("kind:deploy env:production")
    qtbot.keyClicks(shown.filters.search, "kind:nonsense")
    qtbot.waitUntil(lambda: "no kind" in shown.status.whole, timeout=2_000)


def test_escape_clears_and_then_closes(qtbot, window, story):
    shown = window(*pushes(story, 2))
    shown.filters.search.setText("x")
    qtbot.keyClick(shown.filters.search, Qt.Key.Key_Escape)
    assert shown.isVisible()
    with qtbot.waitSignal(shown.closed, timeout=1_000):
        qtbot.keyClick(shown.filters.search, Qt.Key.Key_Escape)
    assert not shown.isVisible()


def test_the_details_tell_everything_and_the_past(qtbot, window, story):
    shown = window(*story.day(now()))
    row = next(row for row in range(shown.model.rowCount()) if column(shown, Column.STATE)[row] == "✗ broken")
    shown.table.select(row)
    line = shown.model.index(row, 0).data(LINE_ROLE)
    assert shown.details.isVisible()
    told = dict(fields(line))
    assert told["Commit"] == line.event.revision
    assert told["Count"] == "2 of 188"
    assert told["Told by"] == "acme-collector"
    assert shown.details.why.whole == "No popup: a test."


def test_keys_open_copy_and_toggle(qtbot, window, written, story, monkeypatch):
    opened = []
    monkeypatch.setattr("devstream_desktop.desktop.windows.history.window.open_link", lambda url: opened.append(url) or True)
    shown = window(*pushes(story, 2))
    written.answer()
    shown.table.select(0)
    qtbot.keyClick(shown.table, Qt.Key.Key_Return)
    assert opened == [shown.model.line(0).event.url]
    shown._copy(shown.table.current_line())
    assert QGuiApplication.clipboard().text().startswith("shop  bo pushed 1 commit to main · 0000000 — Commit 1")
    with qtbot.waitSignal(shown.duty_chosen, timeout=1_000) as chosen:
        next(action for action in shown.actions() if action.shortcut().toString() == "Ctrl+D").trigger()
    assert chosen.args == [False]


def test_it_says_why_it_is_empty(qtbot, window, written, story):
    shown = window()
    assert shown.empty.state.title == "The node is starting"
    written.answer(solo=True, sources=())
    assert [name for name, _ in shown.empty.state.actions] == ["join", "invite"]
    assert shown.welcome.isVisible()
    written.answer(missing=1204)
    assert shown.empty.state.title == "Catching up"
    assert "1,204" in shown.status.whole
    written.add(*pushes(story, 1))
    qtbot.keyClicks(shown.filters.search, "zzz")
    qtbot.waitUntil(lambda: shown.empty.isVisible() and shown.empty.state.title == "Nothing matches", timeout=2_000)


def test_trouble_with_the_node_is_in_the_window(window, written, story):
    shown = window(*pushes(story, 2))
    written.answer()
    written.link.connected.emit(not CONNECTED)
    written.state.set_trouble("The node ended and is started again. Its last words: no space left")
    assert "no space left" in shown.status.whole
    assert not shown.filters.duty.isEnabled()


def test_a_line_of_the_menu_is_found_under_a_filter(qtbot, window, written, story):
    shown = window(*story.day(now()))
    qtbot.keyClicks(shown.filters.search, "retry card")
    qtbot.waitUntil(lambda: shown.model.rowCount() == 1, timeout=2_000)
    wanted = written.state.recent[1]
    shown.show_line(wanted)
    assert shown.table.current_line() == wanted


def test_another_team_is_another_history(window, written, story):
    shown = window(*pushes(story, 2))
    written.answer()
    shown.table.select(0)
    written.state._set_status(written.node_status(team_id="other"))
    assert not shown.details.isVisible()
    assert shown.model.rowCount() == 2


def test_a_catch_up_is_a_quiet_strip_with_words_for_a_screen_reader(window, written, story):
    shown = window(*pushes(story, 1))
    written.answer()
    assert not shown.progress.isVisible()
    height = shown.table.height()
    written.answer(missing=7_880, catch_up_total=12_000)
    assert shown.progress.isVisible()
    assert shown.progress.accessibleName() == "Catching up"
    assert shown.progress.accessibleDescription() == "Catching up: 4,120 of 12,000 events"
    assert shown.progress.value() * 12_000 // shown.progress.maximum() // 100 == 41
    assert shown.status.whole.startswith("Catching up: 4,120 of 12,000 events.")
    assert shown.table.height() == height, "nothing jumps"
    written.answer(missing=0, catch_up_total=0)
    assert not shown.progress.isVisible()


def test_the_strip_is_drawn_as_far_as_it_is(window, written, story):
    shown = window(*pushes(story, 1))
    written.answer(missing=500, catch_up_total=1_000)
    picture = shown.progress.grab().toImage()
    done, rest = (picture.pixelColor(int(picture.width() * share), 1) for share in (0.25, 0.75))
    assert done != rest
    assert done == picture.pixelColor(int(picture.width() * 0.45), 1)


def test_the_status_window_says_how_far_and_what_is_missing(qtbot, written):
    window = StatusWindow(written.state)
    qtbot.addWidget(window)
    window.show()
    written.answer()
    assert window.summary.text() == "All is well"
    assert not window.missing.isVisible()
    lost = MissingStatus(device="b" * 52, person="bo", why="nobody", count=3)
    peer = PeerStatus(
        device="b" * 52, person="bo", address="10.0.0.6:1", state="syncing", direction="dialed", behind=7_880, clock_offset=9_000
    )
    written.answer(missing=7_880, catch_up_total=12_000, lost=(lost,), peers=(peer,))
    assert window.summary.text() == "Catching up: 4,120 of 12,000 events"
    assert window.progress.isVisible()
    assert window.missing.text() == "Missing: 3 events of bo (device bbbbbbbb): no linked neighbour has them"
    assert [window.peers.item(0, place).text() for place in range(6)] == [
        "bo", "bbbbbbbb", "10.0.0.6:1", "syncing, dialed", "7,880 / 0", "9 s ahead",
    ]  # fmt: skip


def test_the_status_window_says_how_each_source_is(qtbot, written, fake):
    window = StatusWindow(written.state)
    qtbot.addWidget(window)
    window.show()
    now = int(time.time() * 1000)
    well = msgspec.structs.replace(fake.SOURCE, seen=0)
    ill = SourceStatus(
        name="hub", type="github", location="", state="silent", seen=now - 7_200_500, error="the service answered 401", events=1_200,
        expected=60, token_ends=now + 12 * fake.DAY_MS + 60_000, dropped={"ping": 2}, quieted={"rate": 3, "flapping": 1}, refused=1,
    )  # fmt: skip
    written.answer(sources=(well, ill))
    rows = [[window.sources.item(row, place).text() for place in range(7)] for row in range(2)]
    assert rows == [
        ["shop", "git", "active", "never", "12", "", ""],
        ["hub", "github", "silent", "2h00m ago, every 1m00s", "1,200", "2 dropped, 4 quiet, 1 refused", "ends in 12 d"],
    ]  # fmt: skip
    assert window.troubles.text() == "hub: the service answered 401"
    written.answer(sources=())
    assert not window.troubles.isVisible()
    assert window.sources_title.text() == "Sources: none on this machine."


def test_the_counts_follow_what_arrives(qtbot, written, story):
    written.state._stale.setInterval(0)
    written.answer()
    written.add(*pushes(story, 2))
    qtbot.waitUntil(lambda: any(isinstance(request, GetStatus) for request, _, _ in written.link.asked))


def test_an_open_status_window_is_kept_up(qtbot, written):
    written.answer()
    window = StatusWindow(written.state)
    qtbot.addWidget(window)
    before = len(written.link.asked)
    assert before
    window._again.setInterval(0)
    qtbot.waitUntil(lambda: len(written.link.asked) > before)


def test_who_never_said_otherwise_is_on_duty(window, written, story):
    shown = window(*pushes(story, 1))
    written.answer(duty=(), on_duty=True)
    assert "on duty: ana" in shown.status.whole
    written.answer(duty=(), on_duty=False)
    assert "nobody is on duty" in shown.status.whole


def test_a_locked_node_is_said_above_the_rows_and_where_there_are_none(window, written, qtbot, story):
    locked = "the keyring is <b>locked</b>; enter its password"
    shown = window()
    written.answer(locked=locked)
    assert (shown.empty.state.title, shown.empty.state.hint) == (
        "The keyring is locked",
        "The keyring is <b>locked</b>; enter its password.",
    )
    assert shown.locked.isVisible()
    assert shown.locked.accessibleName() == shown.locked.text.text()
    assert shown.locked.text.text().startswith("Locked: the keyring is <b>locked</b>; enter its password.")
    assert shown.status.whole == "Locked: the node waits for the keyring"
    assert not shown.filters.duty.isEnabled()
    with qtbot.waitSignal(shown.unlock_chosen, timeout=1_000):
        shown.locked.unlock.click()
    written.add(*pushes(story, 2))
    assert len(column(shown, Column.STATE)) == 2, "what is there can be read"
    state = StatusWindow(written.state)
    qtbot.addWidget(state)
    assert (state.summary.text(), state.notices.text()) == ("Locked", "The keyring is <b>locked</b>; enter its password")
    written.answer(locked="")
    assert not shown.locked.isVisible()
    assert shown.filters.duty.isEnabled()
    assert state.summary.text() == "All is well"


def test_what_a_revoked_device_wrote_is_struck_out_in_words_and_by_a_line_once_the_policy_says_so(window, written, story, fake):
    began = now() - 60_000
    shown = window(story.push("shop", began, "bo", "Honest", "aa" * 20), story.push("shop", began + 1, "bo", "A lie", "bb" * 20))
    written.answer()
    shown.table.select(0)
    feed = fake.KEY + written.node.history.epoch
    written.node.history.follow({}, {fake.KEY: 0, feed: 1})
    written.answer(policy_version=8)
    assert column(shown, Column.STATE) == ["⊘ struck out", "◆ pushed"]
    lie, honest = (shown.model.index(row, Column.WHAT) for row in (0, 1))
    assert lie.data(Qt.ItemDataRole.FontRole).strikeOut()
    assert honest.data(Qt.ItemDataRole.FontRole) is None
    assert "its device was revoked" in lie.data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert honest.data(Qt.ItemDataRole.AccessibleDescriptionRole) is None
    state = shown.model.index(0, Column.STATE)
    assert state.data(Qt.ItemDataRole.AccessibleTextRole) == "State: struck out"
    assert shown.details.title.font().strikeOut()
    assert dict(fields(shown.details.line))["Careful"].startswith("Struck out: its device was revoked")
    shown._copy(shown.details.line)
    assert "[struck out: " in QGuiApplication.clipboard().text()
    shown.table.select(1)
    assert not shown.details.title.font().strikeOut()


def test_a_long_name_in_the_status_window_pushes_nothing_out_of_sight(qtbot, written):
    window = StatusWindow(written.state)
    qtbot.addWidget(window)
    window.show()
    peer = PeerStatus(device="b" * 52, person="W" * 60, address="192.168.100.100:57450", state="live", direction="dialed")
    written.answer(peers=(peer,))
    assert window.peers.horizontalScrollBar().maximum() == 0
    assert window.peers.focusPolicy() & Qt.FocusPolicy.TabFocus
