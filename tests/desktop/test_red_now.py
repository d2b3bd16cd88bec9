"""Red now: pinned in the window, in the tray's icon and menu, on the board."""

from __future__ import annotations

import time
from datetime import datetime

import msgspec
import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from seed import Seed

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.deploys import Targets
from devstream_desktop.control.messages.stream import Claim, Release
from devstream_desktop.desk.preferences import Icon
from devstream_desktop.desktop.commands import Command
from devstream_desktop.desktop.tray.contents import MenuContents
from devstream_desktop.desktop.tray.menu import Snooze, TrayMenu, snooze_end
from devstream_desktop.desktop.tray.summary import mark_and_tooltip
from devstream_desktop.desktop.widgets.icons import Mark
from devstream_desktop.desktop.widgets.look import coming_time
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.windows import hand_over as hand_over_module
from devstream_desktop.desktop.windows.board import page as page_module
from devstream_desktop.desktop.windows.history import window as window_module
from devstream_desktop.desktop.windows.history.items import Heading, Pinned
from devstream_desktop.desktop.windows.history.pages import Page
from devstream_desktop.stream.words import Kind, Severity

MINUTE = 60_000


def now() -> int:
    return int(time.time() * 1000)


def alert(story, state="firing", service="shop", minutes=16, **fields):
    said = {"number": "7", "environment": "production", "title": "5xx over 2 %"} | fields
    severity = Severity.CRITICAL
    at = now() - minutes * MINUTE
    subject = f"incident/{service}/5xx"
    return story.event(Kind.INCIDENT, state, service, at, subject, severity=severity, **said)


def claim(story, who="chen", service="shop", state="claimed"):
    subject = f"incident/{service}/5xx"
    at = now() - 9 * MINUTE
    return story.event(Kind.CLAIM, state, service, at, subject, number="7", actor=who)


def pinned(shown) -> list[str]:
    model = shown.browser.model
    items = (model.item(row) for row in range(model.rowCount()))
    return [item.thing.service for item in items if isinstance(item, Pinned)]


def test_what_is_red_is_pinned_until_it_is_over(window, written, story):
    shown = window(alert(story), story.push("search", now(), "bo", "Later", "aa" * 20))
    model = shown.browser.model
    assert pinned(shown) == ["shop"]
    assert isinstance(model.item(1), Heading)
    spoken = model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("red now, 5xx over 2 % in production, unclaimed · nobody has seen it")
    written.add(claim(story))
    assert pinned(shown) == ["shop"], "a claim hides no incident"
    spoken = model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "chen is on it" in spoken
    written.add(alert(story, "resolved", minutes=1))
    assert pinned(shown) == []


def test_under_a_search_nothing_is_pinned(qtbot, window, story):
    shown = window(alert(story), story.push("search", now(), "bo", "Later", "aa" * 20))
    shown.filters.search.setText("later")
    qtbot.waitUntil(lambda: len(shown.browser.model.lines) == 1, timeout=20_000)
    assert pinned(shown) == []


@pytest.mark.parametrize(
    ("claimed", "duty", "icon", "mark"),
    [
        (False, True, Icon.WORST, Mark.RED),
        (True, True, Icon.WORST, Mark.RED_CLAIMED),
        (False, False, Icon.WORST, Mark.RED_OFF_DUTY),
        (True, True, Icon.UNCLAIMED, Mark.ON_DUTY),
        (False, True, Icon.PRODUCTION, Mark.RED),
    ],
)
def test_the_icon_says_how_production_is(written, story, claimed, duty, icon, mark):
    written.add(alert(story), *([claim(story)] if claimed else []))
    written.answer(on_duty=duty)
    assert mark_and_tooltip(written.state, icon)[0] is mark


def test_the_icon_can_be_of_production_alone(written, story):
    written.add(alert(story, environment="staging"))
    written.answer()
    assert mark_and_tooltip(written.state, Icon.PRODUCTION)[0] is Mark.ON_DUTY


def test_the_tooltip_is_a_sentence(written, story):
    written.add(alert(story), claim(story), alert(story, service="search", minutes=3))
    written.answer()
    tooltip = mark_and_tooltip(written.state)[1]
    assert tooltip == "Production: shop 5xx over 2 %, 16 min, chen is on it · 1 more red · on duty"


def test_the_menu_lists_what_is_red(qtbot, written, story):
    menu = TrayMenu()
    qtbot.addWidget(menu)
    MenuContents(menu, written.state)
    assert not menu.red.menuAction().isVisible()
    written.add(alert(story))
    assert menu.red.title() == "Red now (1)"
    action = next(one for one in menu.red.actions() if one.isVisible())
    assert action.text() == "Production: shop 5xx over 2 %, 16 min"
    with qtbot.waitSignal(menu.line_chosen, timeout=20_000) as chosen:
        action.trigger()
    assert chosen.args[0].event.title == "5xx over 2 %"


def moment(text: str) -> int:
    """A time in Berlin, as the fixture has it."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        ("2026-12-01T14:00", "2026-12-02T07:00", "Wed 07:00"),
        ("2026-12-01T00:40", "2026-12-01T07:00", "07:00"),
        ("2026-12-01T07:00", "2026-12-02T07:00", "Wed 07:00"),
        # In the night between, the clock is set: forward in March, back in October.
        ("2026-03-28T22:00", "2026-03-29T07:00", "Sun 07:00"),
        ("2026-10-24T22:00", "2026-10-25T07:00", "Sun 07:00"),
        ("2026-10-25T01:00", "2026-10-25T07:00", "07:00"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_a_snooze_until_the_morning_ends_at_seven(begin, end, said):
    until = snooze_end(Snooze.MORNING, moment(begin))
    assert until == moment(end)
    assert coming_time(until, moment(begin)) == said


def test_a_snooze_ends_where_its_entry_says():
    begin = now()
    assert snooze_end(Snooze.QUARTER, begin) == begin + 15 * MINUTE
    assert snooze_end(Snooze.HOUR, begin) == begin + 60 * MINUTE
    assert snooze_end(Snooze.OVER, begin) == begin


def test_the_board_tells_what_runs_where_and_a_cell_leads_to_it(qtbot, window, written):
    shown = window(*Seed(now()).events(400))
    shown.resize(900, 600)
    shown.pages.turn_to(Page.BOARD)
    written.settle()
    model = shown.pages.board.model
    assert model.board.environments == ("staging", "production")
    services = list(model.board.services)
    cell = model.index(services.index("shop"), 2)
    spoken = cell.data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("Production: ")
    assert "firing 5xx over 2 %" in spoken
    assert "chen is on it" in spoken
    moving = model.index(services.index("checkout"), 1).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "bo is deploying" in moving
    shown.pages.board.view.setCurrentIndex(cell)
    qtbot.keyClick(shown.pages.board.view, Qt.Key.Key_Return)
    assert shown.filters.search.text() == "service:shop env:production"
    assert shown.browser.isVisible()


def test_the_board_keeps_the_rules_of_qt(window, written, qtmodeltester):
    shown = window(*Seed(now()).events(100))
    shown.pages.turn_to(Page.BOARD)
    written.settle()
    qtmodeltester.check(shown.pages.board.model)


def test_a_red_row_is_claimed_released_and_muted_by_keys(qtbot, window, written, story, asked):
    shown = window(alert(story))
    written.answer()
    shown.browser.view.select_first()
    written.settle()
    assert shown.browser.details.claim.isVisible()
    entry = shown.browser.model.lines[0].entry
    shown.commands.action(Command.CLAIM).trigger()
    assert [one.entry for one in asked.of(Claim)] == [entry]
    asked.answer(Done(text="you are on it"), Claim)
    assert shown.status.whole == "You are on it"
    shown.commands.action(Command.RELEASE).trigger()
    asked.refuse("nobody is on it", Release)
    assert shown.status.whole == "nobody is on it"
    with qtbot.waitSignal(shown.mute_chosen, timeout=20_000):
        shown.commands.action(Command.MUTE).trigger()


def test_what_is_well_cannot_be_claimed(window, written, pushes):
    shown = window(*pushes(1))
    shown.browser.view.select_first()
    written.settle()
    assert not shown.browser.details.claim.isVisible()
    assert not shown.commands.action(Command.CLAIM).isEnabled()


def test_escape_leaves_the_wall_and_then_the_board(qtbot, window):
    shown = window(*Seed(now()).events(100))
    shown.commands.action(Command.WALL).trigger()
    assert shown.isFullScreen()
    assert not shown.filters.isVisible()
    qtbot.keyClick(shown.pages.board.view, Qt.Key.Key_Escape)
    assert not shown.isFullScreen()
    assert shown.filters.isVisible()
    assert shown.pages.board.isVisible()
    qtbot.keyClick(shown.pages.board.view, Qt.Key.Key_Escape)
    assert shown.browser.isVisible()


def test_a_page_reads_itself_once_when_it_comes_into_view(window, written, monkeypatch):
    shown = window(*Seed(now()).events(100))
    asked = []
    board, over = written.reader.board, written.reader.hand_over
    monkeypatch.setattr(written.reader, "board", lambda **how: asked.append("b") or board(**how))
    told = lambda *since, **how: asked.append("h") or over(*since, **how)  # noqa: E731
    monkeypatch.setattr(written.reader, "hand_over", told)
    shown.pages.turn_to(Page.BOARD)
    shown.show_hand_over(now() - 3_600_000)
    written.settle()
    assert asked == ["b", "h"]
    shown.show_hand_over(now() - 7_200_000)
    written.settle()
    assert asked == ["b", "h", "h"]


def ages(labels: list[PlainLabel]) -> set[str]:
    return {label.text() for label in labels}


def test_ages_go_on_where_nothing_happens(qtbot, monkeypatch, window, written, story):
    monkeypatch.setattr(window_module, "_AGES_MS", 10)
    monkeypatch.setattr(page_module, "_AGES_MS", 10)
    painted = []

    class Painted(QObject):
        def eventFilter(self, _: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
            if event.type() == QEvent.Type.Paint:
                painted.append(1)
            return False

    shown = window(alert(story), story.deploy("shop", now(), "success", "cd" * 20, "ab" * 16))
    counter = Painted()
    shown.browser.view.viewport().installEventFilter(counter)
    qtbot.waitUntil(lambda: len(painted) > 5, timeout=20_000)
    shown.commands.action(Command.WALL).trigger()
    written.settle()
    band = shown.pages.board.red
    assert "16 min" in ages(band.findChildren(PlainLabel))
    later = time.time() + 600
    monkeypatch.setattr(time, "time", lambda: later)
    qtbot.waitUntil(lambda: "26 min" in ages(band.findChildren(PlainLabel)), timeout=20_000)


def test_without_deploys_the_board_says_what_would_be_there(window, written, pushes):
    shown = window(*pushes(1))
    shown.pages.turn_to(Page.BOARD)
    written.settle()
    assert not shown.pages.board.view.isVisible()


def test_the_sidebar_counts_what_is_red_and_marks_its_services(qtbot, window, written, story):
    shown = window(alert(story), alert(story, service="search"), claim(story))
    written.answer()
    counts = {place.name: place.counted for place in shown.sidebar.places}
    assert (counts["Red now"], counts["Unclaimed"]) == ("2", "1")
    marked = {place.name for place in shown.sidebar.places if place.shape is not None}
    assert marked == {"Red now", "shop", "search"}
    shown.filters.search.setText("is:red -is:claimed")
    services = lambda: [line.event.service for line in shown.browser.model.lines]  # noqa: E731
    qtbot.waitUntil(lambda: services() == ["search"], timeout=20_000)
    # They are counted after they are shown.
    qtbot.waitUntil(lambda: shown.filters.hits.text() == "1", timeout=20_000)


def test_the_hand_over_tells_what_is_red_and_what_shipped(qtbot, window, written, story):
    shown = window(*Seed(now()).events(400))
    shown.show_hand_over(now() - 3_600_000)
    written.settle()
    page = shown.pages.hand_over
    said = [page.list.item(row).text() for row in range(page.list.count())]
    assert any(text.startswith("Red, and nobody is on it · ") for text in said)
    claimed = next(text for text in said if "5xx over 2 %" in text)
    assert claimed.endswith("chen is on it")
    assert any(text.startswith("Shipped · ") for text in said)
    row = said.index(claimed)
    with qtbot.waitSignal(page.line_chosen, timeout=20_000) as chosen:
        page.list.itemActivated.emit(page.list.item(row))
    assert chosen.args[0].event.title == "5xx over 2 %"
    assert shown.browser.isVisible()


def hand_over_rows(shown) -> list[str]:
    rows = shown.pages.hand_over.list
    return [rows.item(row).text() for row in range(rows.count())]


@pytest.fixture
def at_once(monkeypatch):
    """Has the hand-over follow each piece of news, without its pause."""
    monkeypatch.setattr(hand_over_module, "_PAUSE_MS", 0)


@pytest.mark.usefixtures("at_once")
def test_the_hand_over_follows_claims_and_what_is_over(window, written, story):
    shown = window(alert(story), alert(story, service="billing", minutes=3))
    written.answer(person="ana")
    shown.pages.turn_to(Page.HAND_OVER)
    written.settle()
    assert hand_over_rows(shown)[0] == "Red, and nobody is on it · 2"
    rows = shown.pages.hand_over.list
    shop = next(row for row in range(rows.count()) if "shop" in rows.item(row).text())
    rows.setCurrentRow(shop)
    for who, state in (("chen", "claimed"), ("ana", "claimed"), ("ana", "released")):
        written.add(claim(story, who=who, state=state))
        said = hand_over_rows(shown)
        on_it = {"ana released": "chen"}.get(f"{who} {state}", who)
        assert said[2].startswith("Red, and somebody is on it · 1"), said
        assert said[3].endswith(f"{on_it} is on it")
        assert shown.pages.hand_over.current_line.event.service == "shop", (
            "the selection goes along"
        )
    written.add(claim(story, state="released"))
    assert hand_over_rows(shown)[0] == "Red, and nobody is on it · 2"
    written.add(alert(story, "resolved", minutes=1))
    said = hand_over_rows(shown)
    assert (said[0], said[2]) == ("Red, and nobody is on it · 1", "Fixed · 1")
    assert shown.pages.hand_over.current_line is None, "its line is no longer there"
    assert not any(one.isEnabled() for one in shown.commands.about_line)


def test_a_steady_stream_is_one_look_a_pause(qtbot, monkeypatch, window, written, story, pushes):
    monkeypatch.setattr(hand_over_module, "_PAUSE_MS", 3_600_000)
    looks = []
    over = written.reader.hand_over
    told = lambda *since, **how: looks.append(1) or over(*since, **how)  # noqa: E731
    monkeypatch.setattr(written.reader, "hand_over", told)
    shown = window(alert(story))
    shown.pages.turn_to(Page.HAND_OVER)
    written.settle()
    looks.clear()
    written.add(claim(story))
    assert len(looks) == 1, "the first is shown at once"
    for one in pushes(5):
        written.add(one)
    assert len(looks) == 1
    shown.pages.hand_over._pause.setInterval(0)
    qtbot.waitUntil(lambda: len(looks) == 2, timeout=20_000)
    shown.pages.turn_to(Page.STREAM)
    written.add(claim(story, who="ana"))
    assert len(looks) == 2, "nobody sees it"


@pytest.mark.usefixtures("at_once")
def test_a_hand_over_that_is_read_stays_in_its_place(window, written, story, pushes):
    began = now() - 20 * MINUTE
    deploys = [
        story.deploy(f"s{n}", began + n, "success", "aa" * 20, f"{n:02x}" * 16) for n in range(40)
    ]
    shown = window(alert(story), *deploys)
    shown.show_hand_over(began - MINUTE)
    written.settle()
    rows = shown.pages.hand_over.list
    bar = rows.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    where, item = bar.value(), rows.item(20)
    written.add(*pushes(2))
    assert rows.item(20) is item, "nothing of it changed"
    written.add(claim(story))
    assert (bar.value(), rows.item(1).text().endswith("chen is on it")) == (where, True)


@pytest.fixture
def shop_chosen(window, written, story):
    """The window with two red things, the one of shop chosen in its stream."""
    shown = window(alert(story), alert(story, service="billing", minutes=3))
    written.answer(person="ana", on_duty=True)
    model = shown.browser.model
    items = [model.item(row) for row in range(model.rowCount())]
    pinned_shop = (isinstance(one, Pinned) and one.thing.service == "shop" for one in items)
    shown.browser.view.select(list(pinned_shop).index(True))
    written.settle()
    shown.activateWindow()
    return shown


def test_keys_on_the_hand_over_are_about_its_own_row(qtbot, shop_chosen, written, asked):
    shown, muted, noted = shop_chosen, [], []
    shown.mute_chosen.connect(lambda line: muted.append(line.event.service))
    shown.note_chosen.connect(lambda line, hand: noted.append((line.event.service, hand)))
    shown.pages.turn_to(Page.HAND_OVER)
    written.settle()
    rows = shown.pages.hand_over.list
    for key in (Qt.Key.Key_C, Qt.Key.Key_M, Qt.Key.Key_T):
        qtbot.keyClick(rows, key)
    assert (asked.of(Claim), muted, noted) == ([], [], []), "nothing is chosen here"
    billing = next(row for row in range(rows.count()) if "billing" in rows.item(row).text())
    rows.setCurrentRow(billing)
    for key in (Qt.Key.Key_C, Qt.Key.Key_M, Qt.Key.Key_T):
        qtbot.keyClick(rows, key)
    services = {line.entry: line.event.service for line in shown.browser.model.lines}
    assert [services[one.entry] for one in asked.of(Claim)] == ["billing"]
    assert (muted, noted) == (["billing"], [("billing", False)])
    assert not shown.commands.action(Command.UNFOLD).isEnabled(), "a row here has no steps"
    shown.pages.turn_to(Page.STREAM)
    shown.commands.action(Command.MUTE).trigger()
    assert muted == ["billing", "shop"]


def test_keys_on_the_board_are_about_no_line(qtbot, shop_chosen, written, asked):
    shown, muted = shop_chosen, []
    shown.mute_chosen.connect(muted.append)
    shown.pages.turn_to(Page.BOARD)
    written.settle()
    for key in (Qt.Key.Key_C, Qt.Key.Key_M):
        qtbot.keyClick(shown.pages.board, key)
    # What comes meanwhile moves the selection of the hidden stream.
    shown.browser.view.select_first()
    assert not any(one.isEnabled() for one in shown.commands.about_line)
    assert (asked.of(Claim), muted) == ([], [])


def test_an_incident_shows_its_suspect_and_the_way_from_the_commit(qtbot, window, written, fake):
    shown = window(*Seed(now()).events(400))
    written.answer()
    target = msgspec.structs.replace(fake.TARGETS[0], target="shop", environment="production")
    written.state.targets = Targets(targets=(target,))
    shown.browser.view.select(0)
    written.settle()
    details = shown.browser.details
    assert details.suspect.text().startswith("Suspect: ana's deploy of ")
    assert "Überweisungen mit Umlauten" in details.suspect.text()
    told = {label.text() for label in details.findChildren(PlainLabel)}
    assert "Trail" in told
    assert any("pushed 3 commits to main" in text for text in told)
    with qtbot.waitSignal(shown.deploy_chosen, timeout=20_000) as chosen:
        details.roll_back.click()
    assert chosen.args == [target, "rollback"]


@pytest.mark.parametrize(("command", "hand"), [(Command.NOTE, False), (Command.HAND, True)])
def test_a_row_gets_a_note_or_is_handed_over(qtbot, window, story, command, hand):
    shown = window(alert(story))
    shown.browser.view.select_first()
    with qtbot.waitSignal(shown.note_chosen, timeout=20_000) as chosen:
        shown.commands.action(command).trigger()
    line, asked = chosen.args
    assert (line.event.title, asked) == ("5xx over 2 %", hand)


def test_the_hand_over_counts_as_the_board_does(window, written, story):
    began = now() - 20 * MINUTE
    pushes = [story.push("shop", began + n, "bo", "More", f"{n:02x}" * 20) for n in range(1, 8)]
    first = story.push("shop", began - 9, "bo", "First", "aa" * 20)
    shown = window(first, story.deploy("shop", began, "success", "aa" * 20, "cd" * 16), *pushes)
    shown.pages.turn_to(Page.BOARD)
    written.settle()
    texts = shown.pages.board.model.index(0, 2).data(Qt.ItemDataRole.AccessibleTextRole)
    assert texts == "Waiting for production: 7 changes"
    shown.pages.turn_to(Page.HAND_OVER)
    written.settle()
    listed = shown.pages.hand_over.list
    rows = [listed.item(row).text() for row in range(listed.count())]
    assert rows[-1] == "shop: 7 changes for production"


def test_the_details_say_who_is_on_it_and_offer_to_take_over(window, written, story):
    shown = window(alert(story))
    written.answer()
    shown.browser.view.select(0)
    written.settle()
    details = shown.browser.details
    assert details.claim.text() == "I'm on it"
    written.add(claim(story))
    assert "chen is on it (9 min)" in details.about.text()
    assert details.claim.text() == "Take over"
    assert details.claim.isVisible()
    written.add(claim(story, who="ana"))
    assert "ana is on it" in details.about.text()
    assert not details.claim.isVisible(), "nobody takes over from themselves"


def test_a_narrow_window_has_the_places_in_a_menu(window, written, story):
    shown = window(alert(story))
    shown.resize(1000, 600)
    assert shown.filters.where.isHidden()
    shown.resize(600, 600)
    assert shown.sidebar.isHidden()
    assert shown.filters.where.isVisible()
    menu = shown.filters.where.menu()
    menu.aboutToShow.emit()
    entries = {action.text(): action for action in menu.actions()}
    assert "Red now\t1" in entries
    entries["Deploys"].trigger()
    assert shown.filters.search.text() == "kind:deploy"
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.actions() if action.isChecked()] == ["Deploys"]


def test_the_wall_has_red_now_above_the_board(window, written, story):
    began = now() - 20 * MINUTE
    runs = story.deploy("billing", began, "success", "aa" * 20, "cd" * 16)
    broken = story.build("billing", began + 1, "failed", "aa" * 20, "93", total=412)
    shown = window(runs, broken, alert(story))
    board = shown.pages.board
    usual = board.view.font().pointSizeF()
    shown.commands.action(Command.WALL).trigger()
    written.settle()
    assert board.red.lines == [
        "shop  5xx over 2 % in production",
        "billing  CI failed on main",
    ]
    assert board.view.font().pointSizeF() > 1.6 * usual
    written.add(alert(story, "resolved", minutes=1))
    assert board.red.lines == ["billing  CI failed on main"]
    shown.commands.action(Command.WALL).trigger()
    assert board.red.isHidden(), "beside the stream, which pins it, it would be said twice"
    written.settle()
    assert board.view.font().pointSizeF() == usual


def test_a_hand_over_that_tells_not_all_says_so(window, written, story):
    began = now() - 20 * MINUTE
    deploys = [
        story.deploy(f"s{n}", began + n, "success", "aa" * 20, f"{n:02x}" * 16) for n in range(51)
    ]
    shown = window(*deploys)
    shown.show_hand_over(began - MINUTE)
    written.settle()
    assert shown.pages.hand_over.list.item(0).text() == "Shipped · 50+"
