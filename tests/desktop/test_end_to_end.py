"""A first day: the `devstream` command, its real node, a real repository, and our panel."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest
from real_git import commit, git

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.query import Query

pytestmark = [pytest.mark.desktop, pytest.mark.process]


class Repository:
    """The repository that the person stands in."""

    def __init__(self, folder) -> None:
        self.folder = folder
        folder.mkdir()
        git(folder, "init", "-q", "-b", "main")
        self.commit("First commit")

    def commit(self, subject: str) -> str:
        return commit(self.folder, subject, "Bo")


class FirstDay:
    """A desk as `devstream` starts it, and what is known of its node."""

    def __init__(self, process: subprocess.Popen[str], home: Home, repository: Repository) -> None:
        self.process, self.home, self.repository = process, home, repository

    def status(self) -> Status | None:
        try:
            with Client(self.home.control_url()) as client:
                return client.ask(GetStatus())
        except NoNodeError:
            return None

    def states(self) -> set[str]:
        with Reader(self.home.history) as reader:
            return {line.event.state for line in reader.page(Query(), limit=100, superseded=True)}

    def titles(self) -> set[str]:
        with Reader(self.home.history) as reader:
            return {line.event.title for line in reader.page(Query(), limit=100)}

    def node(self) -> psutil.Process:
        return next(
            child
            for child in psutil.Process(self.process.pid).children(recursive=True)
            if "node" in child.cmdline()
        )


@pytest.fixture
def first_day(panel, start_desk, display, bus, home, tmp_path):
    root = Home(home)
    repository = Repository(tmp_path / "shop")
    desk = start_desk.environment | {"DEVSTREAM_KEY_FILE": str(tmp_path / "key")}
    log = (tmp_path / "devstream.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "devstream_desktop", "--home", str(home)],
        cwd=repository.folder,
        env=desk,
        stderr=log,
        text=True,
    )
    log.close()
    day = FirstDay(process, root, repository)
    panel.wait_item(20)
    panel.wait(
        lambda: (status := day.status()) and status.sources and status.sources[0].events,
        "the repository was not read",
        20,
    )
    yield day
    if process.poll() is None:
        process.terminate()
        process.wait(10)
    assert "Traceback" not in (tmp_path / "devstream.log").read_text()


def test_a_commit_is_a_popup_on_duty_and_none_off_duty(first_day, panel) -> None:
    panel.wait(lambda: panel.find("On duty")["toggle-state"] == 1, "not on duty at first")
    assert panel.notes == []
    first_day.repository.commit("Fix <b>rounding</b> in tax")
    note = panel.wait_note(lambda note: "rounding" in note.body)
    assert note.summary == "shop: Bo pushed 1 commit to main"
    assert "Bo pushed 1 commit to main" in note.body
    assert "Fix ‹b›rounding‹/b› in tax" in note.body

    panel.click("On duty")
    panel.wait(lambda: panel.tooltip.endswith("off duty"), "the toggle did nothing")
    first_day.repository.commit("While nobody is on duty")
    panel.wait(
        lambda: "While nobody is on duty" in first_day.titles(), "the commit is not in the history"
    )
    panel.click("On duty")
    panel.wait(lambda: not panel.tooltip.endswith("off duty"), "the toggle did not go back")
    first_day.repository.commit("And on duty again")
    panel.wait_note(lambda note: "And on duty again" in note.body)
    assert not [note for note in panel.notes if "While nobody" in note.body]


def test_a_deploy_from_the_menu_ends_in_a_success_line(first_day, panel, start_desk) -> None:
    script = first_day.home.root / "deploy.sh"
    script.write_text('#!/bin/sh\necho "$DEVSTREAM_SHA" > deployed\n')
    script.chmod(0o755)
    first_day.home.targets.write_text(
        '[target.shop.staging]\nrun = ["./deploy.sh"]\ntype_to_confirm = false\n'
    )
    panel.wait_menu(
        lambda panel: panel.labels("Deploy", "shop") == ["staging…"],
        "the target is not in the menu",
        20,
    )
    revision = first_day.repository.commit("Ship it")
    panel.wait(lambda: "Ship it" in first_day.titles(), "the commit is not in the history")
    desk = start_desk.hand(first_day.process)
    panel.click("Deploy", "shop", "staging…")
    window = desk.wait_window("^Deploy shop to staging")
    for _ in range(60):
        desk.press(window, "alt+d")  # the deploy button's access key, once the plan is there
        if "requested" in first_day.states():
            break
        time.sleep(0.1)
    note = panel.wait_note(lambda note: "deployed" in note.summary, 20)
    assert note.summary == "Staging: shop deployed"
    assert {"requested", "in_progress", "success"} <= first_day.states()
    assert (first_day.home.root / "deployed").read_text().strip() == revision


def test_the_node_is_killed_and_the_tray_has_it_back(first_day, panel) -> None:
    node = first_day.node()
    node.kill()
    panel.wait(
        lambda: "restarting" in panel.tooltip or "starting" in panel.tooltip,
        "the tray does not say that the node is away",
    )
    panel.wait(lambda: panel.tooltip.endswith("on duty"), "the node is not back", 20)
    assert first_day.node().pid != node.pid
    first_day.repository.commit("After the fall")
    panel.wait_note(lambda note: "After the fall" in note.body, 20)


def test_a_signal_ends_the_desk_and_its_node_cleanly(first_day) -> None:
    node = first_day.node()
    first_day.process.send_signal(signal.SIGTERM)
    assert first_day.process.wait(10) == 0
    assert not node.is_running()
    # A node that was killed could not have said this to its history.
    import sqlite3

    with sqlite3.connect(first_day.home.history) as database:
        assert database.execute("SELECT value FROM meta WHERE name = 'clean'").fetchone() == (b"1",)
    database.close()
