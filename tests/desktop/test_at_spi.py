"""A screen reader's way to the desk: names, roles, order and states over the bus."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from at_spi import LAUNCHER, REGISTRY, Node, Reader, bridge

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.process,
    pytest.mark.skipif(
        not (LAUNCHER.exists() and REGISTRY.exists()),
        reason="at-spi2-core, the accessibility bus, is not installed here",
    ),
]
APP = "devstream"


@pytest.fixture
def reader(bus: str, display: str) -> Iterator[Reader]:
    with bridge(bus, display) as found:
        yield found


@pytest.fixture
def desk(node, panel, start_desk, story, reader):
    """A desk on duty with its window open, for a screen reader."""
    node.start()
    node.add(*story.day(int(time.time() * 1000)), age=600_000)
    del start_desk.environment["NO_AT_BRIDGE"]
    start_desk.environment["QT_LINUX_ACCESSIBILITY_ALWAYS_ON"] = "1"
    desk = start_desk()
    panel.wait_item(60)
    panel.click("History…")
    desk.wait_window("devstream", 60)
    return desk


def seen(tree: list[Node], role: str) -> list[str]:
    """The names of what is on the screen with this role."""
    return [one.name for one in tree if one.role == role and one.showing]


def named(tree: list[Node], role: str, name: str) -> Node | None:
    return next((one for one in tree if (one.role, one.name) == (role, name)), None)


def is_checked(tree: list[Node], role: str, name: str) -> bool:
    one = named(tree, role, name)
    return one is not None and one.checked


def test_the_window_the_rows_and_the_menu_are_read(desk, reader):
    tree = reader.wait(
        APP,
        lambda tree: is_checked(tree, "check box", "On duty") and len(seen(tree, "list item")) > 20,
        "the window is not filled",
    )
    assert [one.role for one in tree if one.depth == 1] == ["frame"]
    nameless = [one.role for one in tree if one.showing and one.focusable and not one.name]
    assert not nameless
    # In the order in which a person reads the window.
    lists = ["Where to look", "History, newest first"]
    assert seen(tree, "list") == lists
    assert seen(tree, "radio button") == ["Stream", "Board", "Hand-over"]
    assert is_checked(tree, "radio button", "Stream")
    assert not is_checked(tree, "radio button", "Board")
    order = [one.name for one in tree if one.showing or one.role == "filler"]
    wanted = ["Search the history", "Stream", "On duty", *lists, "Details of the line"]
    assert sorted(wanted, key=order.index) == wanted
    rows = seen(tree, "list item")
    assert rows[:4] == ["Red now, 2", "Unclaimed, 2", "Mine", "Unseen"]
    red = next(at for at, row in enumerate(rows) if row.startswith("red now, 5xx over 2 %"))
    # Just after midnight the newest row of this day is of yesterday.
    day = next(at for at, row in enumerate(rows) if row.startswith(("Today", "Yesterday")))
    assert red < day, "what is red is read first"

    window = desk.wait_window("devstream", 60)
    desk.press(window, "ctrl+d")
    reader.wait(
        APP,
        lambda tree: not is_checked(tree, "check box", "On duty"),
        "the switch still says on duty",
    )
    desk.press(window, "Down")
    reader.wait(
        APP,
        lambda tree: any(one.focused and one.role == "list item" for one in tree),
        "no row has the focus",
    )
    menu = reader.menu_after(lambda: desk.press(window, "Menu", "Down"))
    entries = seen(menu, "menu item")
    assert entries[1:3] == ["I'm on it", "I'm on it no more"]
    assert entries[-1] == "Unfold or fold its steps"
    approve = named(menu, "menu item", "Review and approve…")
    assert approve is not None
    assert not approve.enabled, "the row is no deploy that waits"
    assert named(menu, "menu item", "I'm on it").enabled
    desk.press(window, "Escape")
    desk.press(window, "b")
    reader.wait(
        APP,
        lambda tree: (
            is_checked(tree, "radio button", "Board")
            and seen(tree, "table") == ["Board: services by environments"]
        ),
        "the board is not shown",
    )
