"""The real app on a real display and session bus; only the panel and the node are ours."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from devstream_desktop.control.messages.deploys import RequestDeploy
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.home import Home

pytestmark = [pytest.mark.desktop, pytest.mark.process]


def now() -> int:
    return int(time.time() * 1000)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def desk(node, panel, start_desk, story):
    """A desk on duty, whose node knows two days of history."""
    node.start()
    node.add(*story.day(now()), age=600_000)
    desk = start_desk()
    panel.wait_item()
    panel.wait(
        lambda: panel.tooltip.endswith(" on duty"),
        "the tooltip does not say that ana is on duty",
    )
    return desk


def test_the_tray_item_and_its_menu(desk, panel):
    assert panel.prop("Id") == "devstream"
    labels = panel.labels()
    assert labels[0] == "acme · ana"
    assert labels[1] == "Red now (2)"
    lines = [label for label in labels if "  " in label]
    assert len(lines) == 5
    assert all(" · " in line for line in lines), "each has its age"
    assert labels[7:] == [
        "On duty",
        "Also on duty: chen",
        "Snooze",
        "History…",
        "Deploy",
        "Invite…",
        "Team…",
        "Status…",
        "Settings…",
        "Quit",
    ]
    assert panel.find("On duty")["toggle-state"] == 1
    assert panel.labels("Deploy") == ["search", "shop"]
    assert panel.labels("Deploy", "search") == ["production (ana may not: ask chen)"]
    assert panel.find("Deploy", "search", "production (ana may not: ask chen)")["enabled"] is False


def test_a_catch_up_is_in_the_tooltip_and_pops_nothing_up(desk, panel, node):
    node.order(status={"missing": 7_880, "catch_up_total": 12_000})
    panel.wait(
        lambda: panel.tooltip.endswith(" on duty, catching up: 4,120 of 12,000 events"),
        "the tooltip does not say it",
    )
    node.order(status={"missing": 0, "catch_up_total": 0})
    panel.wait(lambda: panel.tooltip.endswith("on duty"), "the tooltip still says it")
    assert panel.notes == []


def test_the_duty_toggle_is_a_request_and_changes_the_icon(desk, panel, node):
    before = panel.prop("IconPixmap")
    panel.click("On duty")
    panel.wait(lambda: panel.tooltip.endswith("off duty"), "the tooltip does not say off duty")
    assert [request.on for request in node.requests(SetDuty)] == [False]
    assert panel.find("On duty")["toggle-state"] == 0
    assert panel.prop("IconPixmap") != before


def test_history_that_was_there_never_pops_and_a_fresh_line_does(desk, panel, node, story):
    assert panel.notes == []
    node.add(story.push("shop", now(), "bo", "Fix <b>the</b> & rest", "c0ffee" * 6 + "c0ff"))
    note = panel.wait_note()
    assert note.summary == "shop: bo pushed 1 commit to main"
    assert note.body == "bo pushed 1 commit to main · c0ffeec — Fix ‹b›the‹/b› ＆ rest"
    assert note.actions == ["default", "Details", "history", "Details", "open", "Open link"]
    assert note.hints["urgency"] == 1


def test_the_first_start_shows_the_window_and_says_where_the_icon_is(node, panel, start_desk):
    Home(node.home).desk.unlink()
    node.start()
    desk = start_desk()
    desk.wait_window("^devstream · acme")
    note = panel.wait_note()
    assert note.summary == "devstream is running"
    assert "Its icon is in the tray" in note.body


def test_off_duty_nothing_pops_but_the_result_of_ones_own_deploy(node, panel, start_desk, story):
    node.start()
    node.order(status={"on_duty": False})
    start_desk()
    panel.wait(lambda: panel.tooltip.endswith("off duty"), "the desk is not up")
    node.add(story.build("search", now(), "failed", "c0ffee" * 6 + "c0ff", "1"))
    node.add(
        story.deploy(
            "shop", now(), "success", story.SHAS["vat"], "ab" * 16, who="ana", duration=5000
        )
    )
    note = panel.wait_note()
    assert note.summary == "Production: shop deployed"
    panel.wait_menu(
        lambda panel: any("search" in label for label in panel.labels()),
        "the quiet line is not in the menu",
    )
    assert len(panel.notes) == 1


def test_a_later_state_takes_the_place_of_the_popup(desk, panel, node, story):
    node.add(story.deploy("shop", now(), "in_progress", story.SHAS["vat"], "cd" * 16, who="chen"))
    first = panel.wait_note()
    node.add(
        story.deploy(
            "shop",
            now(),
            "failure",
            story.SHAS["vat"],
            "cd" * 16,
            who="chen",
            duration=7000,
            reason="exit 3",
        )
    )
    second = panel.wait_note(lambda note: "deploy failed" in note.summary)
    assert second.replaces == first.id
    assert second.hints["urgency"] == 2
    assert len(panel.notes) == 2


def test_a_burst_becomes_three_popups_and_one_digest(desk, panel, node, story):
    node.add(
        *(
            story.push(
                "shop", now() + place, "bo", f"Commit {place}", f"{place:040x}", ref=f"b{place}"
            )
            for place in range(8)
        ),
        story.build("search", now(), "failed", "ab" * 20, "7"),
    )
    digest = panel.wait_note(lambda note: note.summary == "6 more")
    assert digest.body == "6 commits"
    assert len(panel.notes) == 4


def test_the_actions_of_a_popup_open_the_history_at_the_line(desk, panel, node, story):
    assert desk.windows("^devstream") == []
    node.add(story.push("shop", now(), "bo", "Look here", "c0ffee" * 6 + "c0ff"))
    panel.invoke(panel.wait_note(), "history")
    desk.wait_window("^devstream · acme")


def test_the_peek_takes_the_place_of_a_popup(desk, panel, node, story):
    node.add(story.build("shop", now(), "failed", "c0ffee" * 6 + "c0ff", "1"))
    note = panel.wait_note()
    panel.activate()
    panel.wait(lambda: note.id in panel.notifications.closed, "the popup stays over the peek")
    assert desk.windows("^devstream: red now")


def test_left_click_shows_the_peek_enter_the_history_and_closing_hides_it(desk, panel):
    for told in (1, 1):
        panel.activate()
        desk.press(desk.wait_window("^devstream: red now"), "Return")
        window = desk.wait_window("^devstream · acme")
        desk.press(window, "ctrl+w")
        panel.wait(lambda: not desk.windows("^devstream · acme"), "the window is not hidden")
        note = panel.wait_note()
        assert note.summary == "devstream is still running in the tray"
        assert len(panel.notes) == told
    assert desk.process.poll() is None


def test_a_notification_server_that_starts_anew_counts_from_one_again(desk, panel, node, story):
    node.add(story.push("shop", now(), "bo", "First", "c0ffee" * 6 + "c0ff"))
    panel.wait_note()
    panel.restart_notifications()
    node.add(story.push("shop", now(), "bo", "Second", "beef" * 10))
    note = panel.wait_note(lambda note: "Second" in note.body)
    assert (note.replaces, note.actions) == (
        0,
        [],
    )  # nothing to replace there, and it knows no actions


def test_a_panel_that_comes_later_gets_the_icon(node, bare_panel, start_desk):
    node.start()
    desk = start_desk()
    desk.wait_window("^devstream · acme")  # no tray: the window is the desk
    bare_panel.own_tray()
    bare_panel.wait_item()
    bare_panel.wait(lambda: bare_panel.tooltip.endswith(" on duty"), "the late item says nothing")
    assert bare_panel.find("Quit").get("enabled", True)


def test_without_a_tray_closing_the_window_ends_the_desk(node, bare_panel, start_desk):
    node.start()
    desk = start_desk()
    window = desk.wait_window("^devstream · acme")
    desk.press(window, "ctrl+q")
    assert desk.process.wait(5) == 0


def test_a_second_start_shows_the_window_of_the_first(desk, start_desk):
    second = start_desk()
    assert second.process.wait(10) == 0
    desk.wait_window("^devstream · acme")
    assert desk.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_desk_and_its_node_within_two_seconds(node, panel, start_desk, number):
    desk = start_desk(node.command)
    panel.wait(lambda: panel.tooltip.endswith("on duty"), "the desk's own node is not up")
    pid = node.order().pid
    began = time.monotonic()
    assert desk.end(number) == 0
    assert time.monotonic() - began < 2
    assert gone(pid)


def test_a_node_of_somebody_else_goes_on_when_the_desk_ends(desk, node):
    assert desk.end() == 0
    assert node.process.poll() is None
    assert node.order().newest > 0


def test_the_node_dies_the_tray_says_so_and_it_is_back(node, panel, start_desk, story):
    start_desk(node.command)
    panel.wait(lambda: panel.tooltip.endswith("on duty"), "the desk's own node is not up")
    first = node.order().pid
    os.kill(first, signal.SIGKILL)
    panel.wait(
        lambda: panel.tooltip.endswith("node is restarting"),
        "the tray does not say that the node is gone",
    )
    panel.wait(
        lambda: panel.labels()[0].endswith("the node is restarting"),
        "the menu does not say that the node is gone",
    )
    panel.wait(lambda: panel.tooltip.endswith("on duty"), "the node does not come back", timeout=15)
    assert node.order().pid != first
    node.add(story.push("shop", now(), "bo", "After the fall", "c0ffee" * 6 + "c0ff"))
    panel.wait_note(lambda note: "After the fall" in note.body)


def test_a_deploy_from_the_menu_to_its_result(desk, panel, node):
    panel.click("Deploy", "shop", "staging…")
    window = desk.wait_window("^Deploy shop to staging")
    desk.press(window, "Escape")  # the safe answer
    panel.wait(lambda: not desk.windows("^Deploy shop"), "Esc does not close the dialog")
    assert node.requests(RequestDeploy) == []
    panel.click("Deploy", "shop", "staging…")
    window = desk.wait_window("^Deploy shop to staging")
    for _ in range(200):
        desk.press(window, "alt+d")  # the deploy button's access key, once the plan is there
        if node.requests(RequestDeploy):
            break
        time.sleep(0.1)
    (request,) = node.requests(RequestDeploy)
    assert (request.target, request.environment, len(request.sha)) == ("shop", "staging", 40)
    note = panel.wait_note(lambda note: "deployed" in note.summary)
    assert note.summary == "Staging: shop deployed"


def test_quit_in_the_menu_ends_the_desk(desk, panel):
    panel.click("History…")
    desk.wait_window("^devstream · acme")
    panel.click("Quit")
    assert desk.process.wait(5) == 0
    assert not Path(f"/proc/{desk.process.pid}/fd").exists()
    # Its window was not closed by a person, who would be told that it goes on in the tray.
    assert panel.notes == []


def test_a_desk_that_ends_takes_its_popups_along(desk, panel, node, story):
    node.add(story.build("shop", now(), "failed", "c0ffee" * 6 + "c0ff", "1"))
    note = panel.wait_note()
    assert desk.end() == 0
    # Nobody would hear its buttons.
    panel.wait(lambda: note.id in panel.closed, "the popup stays")
