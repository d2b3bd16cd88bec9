"""A locked keyring: tray and menu say so, and the real app goes on once it is unlocked."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from devstream_desktop.control.messages.status import Unlock
from devstream_desktop.home import Home

pytestmark = pytest.mark.process

LOCKED = "the keyring is <b>locked</b>; enter its password"
DEVSTREAM = [sys.executable, "-m", "devstream_desktop"]


@pytest.mark.desktop
def test_the_tray_says_it_nothing_can_be_asked_and_a_click_asks_for_the_password(
    node, panel, start_desk, story
) -> None:
    node.start()
    node.add(*story.day(int(time.time() * 1000)), age=600_000)
    desk = start_desk()
    panel.wait_item()
    panel.wait(lambda: panel.tooltip.endswith("on duty"), "the desk did not come up")
    usual = panel.prop("IconPixmap")
    node.order(status={"locked": LOCKED})
    panel.wait(
        lambda: "the keyring is ‹b›locked‹/b›; enter its password" in panel.tooltip,
        "the tooltip does not say it",
    )
    assert panel.prop("IconPixmap") != usual
    assert panel.labels()[0] == "acme · ana · locked"
    assert [panel.find(name)["enabled"] for name in ("On duty", "Invite…", "Deploy")] == [False] * 3
    panel.click("History…")
    window = desk.wait_window("^devstream")
    for _ in range(40):
        desk.press(window, "alt+u")
        if node.requests(Unlock):
            break
        time.sleep(0.1)
    assert node.requests(Unlock)
    node.order(status={"locked": ""})
    panel.wait(lambda: panel.tooltip.endswith("on duty"), "the desk did not go on")
    assert panel.find("On duty").get("enabled", True)


@pytest.mark.desktop
def test_a_real_desk_with_a_locked_keyring_comes_up_once_it_is_unlocked(
    panel, start_desk, bus, home, keyring_on, tmp_path
) -> None:
    keyring = keyring_on(bus)
    keyring.start()
    environment = start_desk.environment | {"HOME": keyring.environment["HOME"]}
    subprocess.run(
        [*DEVSTREAM, "--home", str(home), "team", "create", "acme", "--person", "ana"],
        env=environment,
        check=True,
        timeout=60,
    )
    keyring.lock()
    with (tmp_path / "devstream.log").open("wb") as log:
        process = subprocess.Popen(
            [*DEVSTREAM, "--home", str(home)], cwd=tmp_path, env=environment, stderr=log
        )
    try:
        panel.wait_item(20)
        panel.wait(
            lambda: (
                "acme · ana · locked: the keyring, which holds this node's keys" in panel.tooltip
            ),
            "it is not said",
            20,
        )
        keyring.unlock()
        panel.wait(
            lambda: panel.tooltip == "devstream: acme · ana: on duty", "it did not go on", 20
        )
    finally:
        process.terminate()
        process.wait(10)
    assert "Traceback" not in (tmp_path / "devstream.log").read_text() + Home(home).log.read_text()
