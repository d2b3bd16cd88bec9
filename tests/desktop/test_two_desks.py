"""Two people at two desks of two nodes: a second person approves, and somebody breaks the glass.

By mouse on a real screen, and the whole way by keyboard.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from panel import Panel
from real_member import Member
from running import HERE, DeskProcess

from devstream_desktop.desk.store import OPENED, DeskStore

pytestmark = [pytest.mark.desktop, pytest.mark.process, pytest.mark.slow]
SHA = "4f" * 20


class Place(Member):
    """A member's bus, panel and desk."""

    panel: Panel
    desk: DeskProcess

    def __init__(self, folder: Path, person: str, display: str) -> None:
        super().__init__(folder, person)
        self.places = self.folder / "places.json"
        self.environment |= {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}

    @contextmanager
    def sits(self) -> Iterator[None]:
        """Show its desk for the block, on a bus and at a panel of its own."""
        with DeskStore(self.home.desk) as store:
            store.set_note(OPENED, b"yes")
        with ExitStack() as ends:
            daemon = subprocess.Popen(
                ["dbus-daemon", f"--config-file={HERE / 'bus.conf'}", "--nofork",
                 "--print-address=1"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            ends.callback(daemon.communicate, timeout=5)
            ends.callback(daemon.terminate)
            assert daemon.stdout is not None
            address = daemon.stdout.readline().strip()
            self.panel = ends.enter_context(Panel(address))
            log = self.folder / "desk.log"
            with log.open("wb") as file:
                process = subprocess.Popen(
                    [sys.executable, str(HERE / "seen_desk.py"), str(self.home.root),
                     str(self.places)],
                    env=self.environment | {"DBUS_SESSION_BUS_ADDRESS": address},
                    stderr=file, text=True,
                )  # fmt: skip
            self.desk = DeskProcess(process, self.environment)
            try:
                self.panel.wait_item(20)
                yield
            finally:
                process.terminate()
                process.wait(10)
            assert "Traceback" not in log.read_text(errors="replace")

    def sees(self, name: str) -> list[int]:
        """The place of a button or field, once it is there and can be used."""
        return self.panel.wait(
            lambda: self._seen()["places"].get(name), f"{self.person} sees no {name!r}", 20
        )

    def point(self, name: str) -> None:
        """Click with the mouse."""
        x, y = self.sees(name)
        self.desk.xdo("mousemove", str(x), str(y), "click", "1")

    def goes_to(self, window: str, name: str) -> None:
        """Go to a field with Tab."""
        self.sees(name)
        # A step is seen as another focus, so there must be one before the first.
        self.desk.xdo("windowfocus", "--sync", window)
        self.panel.wait(lambda: self._seen()["focus"], f"{self.person}'s window has no focus", 20)
        for _ in range(20):
            focus = self._seen()["focus"]
            if focus == name:
                return
            self.desk.press(window, "Tab")
            self.panel.wait(lambda focus=focus: self._seen()["focus"] != focus, "Tab does nothing")
        raise AssertionError(f"Tab never comes to {name!r}")

    def _seen(self) -> dict[str, Any]:
        if not self.places.exists():
            return {"places": {}, "focus": ""}
        return json.loads(self.places.read_text())

    def type(self, text: str) -> None:
        self.desk.xdo("type", "--delay", "5", text)

    def leaves(self, window: str) -> None:
        """Close a window with Escape; the next one may have its title."""
        self.desk.press(window, "Escape")
        self.panel.wait(lambda: not self._seen()["focus"], "Escape closes nothing", 20)
        assert window not in self.desk.windows("^Deploy ")

    def has(self, *states: str) -> None:
        """Wait until its own history has a deploy in each of these states."""
        # Another desk's popup says nothing about it.
        self.panel.wait(lambda: {*states} <= {*self.states()}, f"{self.person} lacks a state", 20)

    def opens(self) -> str:
        """The window of a deploy, from the menu."""
        self.panel.wait_menu(
            lambda panel: panel.labels("Deploy", "shop") == ["live…"],
            "the target is not in the menu",
            20,
        )
        self.panel.click("Deploy", "shop", "live…")
        return self.desk.wait_window("^Deploy shop to live", 20)


@pytest.fixture
def two(tmp_path, display) -> Iterator[tuple[Place, Place]]:
    """ana, whose node deploys with a second person's approval, and bo, who may give it."""
    ana, bo = (Place(tmp_path, person, display) for person in ("ana", "bo"))
    ana.run("team", "create", "acme", "--person", "ana")
    ana.home.targets.write_text(
        '[target.shop.live]\nrun = ["true"]\napprovals = 1\napprovers = ["deployer"]\n'
    )
    with ExitStack() as ends:
        ends.enter_context(ana.node())
        bo.run("team", "join", ana.run("team", "invite", "--pre-approved"), "--person", "bo")
        for person, role in (("ana", "deployer"), ("bo", "deployer"), ("ana", "break-glass")):
            ana.run("team", "grant", person, role, "shop/*")
        ends.enter_context(bo.node())
        for one in (ana, bo):
            ends.enter_context(one.sits())
        yield ana, bo


def test_a_second_person_approves_by_mouse_and_the_glass_is_broken_by_mouse(two) -> None:
    ana, bo = two
    ana.opens()
    ana.point("Branch, tag or commit")
    ana.desk.xdo("key", "ctrl+a")
    ana.type(SHA)
    ana.point("Type live to confirm")
    ana.type("live")
    ana.point("Deploy shop to live")
    note = bo.panel.wait_note(lambda note: "approve" in note.actions, 20)
    assert "ana" in note.summary + note.body
    assert "in_progress" not in bo.states()
    ana.point("Hide")
    bo.panel.invoke(note, "approve")
    bo.desk.wait_window("^Approve a deploy", 20)
    bo.point("Approve")
    done = ana.panel.wait_note(lambda note: "deployed" in note.summary, 20)
    assert done.summary == "Live: shop deployed"
    bo.has("waiting", "approved", "in_progress", "success")

    # Off duty, bo is told of the glass, and of nothing else.
    bo.panel.click("On duty")
    ana.opens()
    ana.point("Branch, tag or commit")
    ana.desk.xdo("key", "ctrl+a")
    ana.type("5a" * 20)
    ana.point("Break the glass: deploy in spite of hours and approvals")
    ana.point("Reason")
    ana.type("the shop is down")
    ana.point("Type live to confirm")
    ana.type("live")
    ana.point("Deploy shop to live")
    told = bo.panel.wait_note(lambda note: "the shop is down" in note.body, 20)
    assert "break-glass" in told.summary + told.body
    assert bo.states().count("waiting") == 1, "it waited for nobody"


def test_the_whole_way_by_keyboard(two) -> None:
    ana, bo = two
    window = ana.opens()
    ana.goes_to(window, "Branch, tag or commit")
    ana.desk.xdo("key", "ctrl+a")
    ana.type(SHA)
    ana.goes_to(window, "Type live to confirm")
    ana.type("live")
    ana.sees("Deploy shop to live")
    ana.desk.press(window, "alt+d")
    note = bo.panel.wait_note(lambda note: "approve" in note.actions, 20)
    bo.panel.invoke(note, "approve")
    asked = bo.desk.wait_window("^Approve a deploy", 20)
    bo.sees("Approve")
    bo.desk.press(asked, "alt+a")
    done = ana.panel.wait_note(lambda note: "deployed" in note.summary, 20)
    assert done.summary == "Live: shop deployed"
    bo.has("waiting", "approved", "in_progress", "success")

    ana.leaves(window)
    window = ana.opens()
    ana.goes_to(window, "Branch, tag or commit")
    ana.desk.xdo("key", "ctrl+a")
    ana.type("5a" * 20)
    ana.goes_to(window, "Break the glass: deploy in spite of hours and approvals")
    ana.desk.press(window, "space")
    ana.goes_to(window, "Reason")
    ana.type("the shop is down")
    ana.goes_to(window, "Type live to confirm")
    ana.type("live")
    ana.sees("Deploy shop to live")
    ana.desk.press(window, "alt+d")
    told = bo.panel.wait_note(lambda note: "the shop is down" in note.body, 20)
    assert "break-glass" in told.summary + told.body
    assert bo.states().count("waiting") == 1, "it waited for nobody"
