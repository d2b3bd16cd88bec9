"""One desk a home, a node that is kept running, and no widget where there is no screen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from devstream_desktop.desktop.client.node_process import NodeProcess
from devstream_desktop.desktop.platform.display import DesktopUnavailableError, check_display
from devstream_desktop.desktop.platform.instance import Instance
from devstream_desktop.home import Home
from devstream_desktop.program import node_command


def test_a_second_claim_fails_and_raises_the_first(qtbot, home):
    runtime = Home(home).runtime()
    first, second = Instance(runtime), Instance(runtime)
    assert first.claim()
    assert not second.claim()
    with qtbot.waitSignal(first.raised, timeout=20_000):
        assert second.raise_first()
    first.close()
    assert second.claim()
    second.close()


def test_a_node_that_dies_is_started_again_and_its_last_words_are_told(qtbot, home, tmp_path):
    count = tmp_path / "count"
    script = (
        f"import sys; open({str(count)!r}, 'a').write('x'); sys.exit('the disk <b>is</b> full')"
    )
    node = NodeProcess(Home(home), command=[sys.executable, "-c", script])
    with qtbot.waitSignal(node.trouble, timeout=20_000) as trouble:
        node.begin()
    assert trouble.args == [
        "The node stopped and is started again. It reported: the disk <b>is</b> full"
    ]
    qtbot.waitUntil(lambda: count.read_text() == "xx", timeout=20_000)
    node.end()


def test_a_node_that_cannot_be_started_says_what_to_do(qtbot, home):
    node = NodeProcess(Home(home), command=["/nowhere/devstream"])
    with qtbot.waitSignal(node.trouble, timeout=20_000) as trouble:
        node.begin()
    assert trouble.args[0].startswith("The node cannot be started: ")
    assert trouble.args[0].endswith("Install devstream again.")
    node.end()


def test_no_node_is_started_where_one_answers(qtbot, home, tmp_path):
    count = tmp_path / "count"
    node = NodeProcess(Home(home), command=[sys.executable, "-c", f"open({str(count)!r}, 'a')"])
    (home / "control").touch()
    node.begin()
    node.set_answers(True)
    qtbot.wait(600)
    assert not count.exists()
    assert not node.ours
    node.end()


def test_the_command_names_the_home(home):
    assert node_command(Path(home)) == [
        sys.executable,
        "-P",
        "-m",
        "devstream_desktop",
        "--home",
        str(home),
        "node",
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 and Wayland are Linux's")
def test_without_a_display_it_says_so(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DesktopUnavailableError, match="there is no display"):
        check_display()
    # Left over from a session that ended.
    monkeypatch.setenv("DISPLAY", ":7777")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7777")
    with pytest.raises(DesktopUnavailableError, match=r"no display answers .*':7777'"):
        check_display()


@pytest.mark.process
def test_with_a_display_it_is_content(monkeypatch, display):
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    check_display()


@pytest.mark.process
def test_a_file_of_the_folder_is_not_taken_for_a_module(home, tmp_path):
    (tmp_path / "queue.py").write_text("raise SystemExit('taken for a module')")
    command = [*node_command(Path(home))[:-1], "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[0]) == (0, "devstream"), done.stderr


def test_a_bundle_starts_itself_with_the_same_options(home, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    command = node_command(Path(home), "--solo", "--follow", "/src/shop")
    assert command == [
        sys.executable, "--home", str(home), "node", "--solo", "--follow", "/src/shop",
    ]  # fmt: skip
