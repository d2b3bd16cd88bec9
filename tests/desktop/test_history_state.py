"""The state of the node in the history window: starting, locked, catching up, or well."""

from __future__ import annotations

from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.desktop.windows.status_window import StatusWindow


def test_it_says_why_it_is_empty(qtbot, window, written, pushes):
    shown = window()
    empty = shown.browser.empty
    assert empty.state.title == "The node is starting"
    written.answer(solo=True, sources=())
    assert [name for name, _ in empty.state.actions] == ["join", "invite"]
    assert shown.welcome.isVisible()
    written.answer(missing=1204)
    assert empty.state.title == "Catching up"
    assert "1,204" in shown.status.whole
    written.add(*pushes(1))
    qtbot.keyClicks(shown.filters.search, "zzz")
    qtbot.waitUntil(
        lambda: empty.isVisible() and empty.state.title == "Nothing matches", timeout=20_000
    )


def test_a_team_of_one_is_welcomed_until_it_says_later(window, written):
    shown = window()
    written.answer(solo=True)
    assert shown.welcome.isVisible()
    shown.welcome.later.click()
    written.answer(solo=True)
    assert not shown.welcome.isVisible()


def test_trouble_with_the_node_is_in_the_window(window, written, pushes):
    shown = window(*pushes(2))
    written.answer()
    written.state.set_connected(False)
    written.state.set_trouble("The node stopped and is started again. It reported: no space left")
    assert "no space left" in shown.status.whole
    assert not shown.filters.duty.isEnabled()


def test_a_catch_up_is_a_quiet_strip_with_words_for_a_screen_reader(window, written, pushes):
    shown = window(*pushes(1))
    written.answer()
    assert not shown.progress.isVisible()
    height = shown.browser.view.height()
    written.answer(missing=7_880, catch_up_total=12_000)
    assert shown.progress.isVisible()
    assert shown.progress.accessibleName() == "Catching up"
    assert shown.progress.accessibleDescription() == "Catching up: 4,120 of 12,000 events"
    assert shown.progress.value() * 12_000 // shown.progress.maximum() // 100 == 41
    assert shown.status.whole.startswith("Catching up: 4,120 of 12,000 events.")
    assert shown.browser.view.height() == height, "nothing jumps"
    written.answer(missing=0, catch_up_total=0)
    assert not shown.progress.isVisible()


def test_the_strip_is_drawn_as_far_as_it_is(window, written, pushes):
    shown = window(*pushes(1))
    written.answer(missing=500, catch_up_total=1_000)
    picture = shown.progress.grab().toImage()
    quarter, middle, rest = (
        picture.pixelColor(int(picture.width() * share), 1) for share in (0.25, 0.45, 0.75)
    )
    assert quarter == middle
    assert quarter != rest


def test_the_counts_follow_what_arrives(qtbot, written, asked, pushes):
    written.answer()
    before = len(asked.of(GetStatus))
    written.add(*pushes(2))
    qtbot.waitUntil(lambda: len(asked.of(GetStatus)) > before)


def test_who_never_said_otherwise_is_on_duty(window, written, pushes):
    shown = window(*pushes(1))
    written.answer(duty=(), on_duty=True)
    assert "on duty: ana" in shown.status.whole
    written.answer(duty=(), on_duty=False)
    assert "nobody is on duty" in shown.status.whole


def test_a_locked_node_is_said_above_the_rows_and_where_there_are_none(
    window, states, written, qtbot, show, pushes
):
    locked = "the keyring is <b>locked</b>; enter its password"
    shown = window()
    written.answer(locked=locked)
    empty = shown.browser.empty.state
    assert empty.title == "The keyring is locked"
    assert empty.hint == "The keyring is <b>locked</b>; enter its password."
    assert shown.locked.isVisible()
    assert shown.locked.accessibleName() == shown.locked.text.text()
    assert shown.locked.text.text().startswith(f"Locked: {locked}.")
    assert shown.status.whole == "Locked: the node waits for the keyring"
    assert not shown.filters.duty.isEnabled()
    with qtbot.waitSignal(shown.unlock_chosen, timeout=20_000):
        shown.locked.unlock.click()
    written.add(*pushes(2))
    assert len(states(shown)) == 2, "what is there can be read"
    state = show(StatusWindow(written.state))
    assert state.summary.text() == "Locked"
    assert state.notices.text() == "The keyring is <b>locked</b>; enter its password"
    written.answer(locked="")
    assert not shown.locked.isVisible()
    assert shown.filters.duty.isEnabled()
    assert state.summary.text() == "devstream works"


def test_a_window_comes_back_where_it_was(window, pushes):
    shown = window(*pushes(1))
    shown.resize(700, 555)
    place = shown.place()
    shown.resize(600, 400)
    shown.restore(place)
    assert (shown.width(), shown.height()) == (700, 555)
    for damaged in (b"", b"\xff" * 9, place[:-3]):
        shown.restore(damaged)
    assert (shown.width(), shown.height()) == (700, 555)
