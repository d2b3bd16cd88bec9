"""The bundle, unpacked where there is nothing else of devstream."""

from __future__ import annotations

import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from packages import USE, Run, built, needs

LARGEST = 120_000_000


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    with tarfile.open(built(f"devstream-{{version}}-linux-{os.uname().machine}.tar.gz")) as archive:
        archive.extractall(folder, filter="tar")
    return folder / "devstream" / "devstream"


def test_it_is_of_a_size_that_one_downloads(bundle: Path) -> None:
    files = [path for path in bundle.parent.rglob("*") if not path.is_symlink() and path.is_file()]
    assert sum(path.stat().st_size for path in files) < LARGEST


def test_it_is_used(bundle: Path, home: Path, run: Run) -> None:
    assert run(USE, bundle).endswith("used\n")


def test_a_user_gets_it_into_the_menu(bundle: Path, home: Path, run: Run) -> None:
    run(bundle, "install-desktop")
    entry = home / ".local" / "share" / "applications" / "devstream.desktop"
    assert f'\nExec="{bundle}"\n' in entry.read_text()
    run(bundle, "install-desktop", "--remove")
    assert not entry.exists()


def test_the_tray_runs_with_its_node(
    bundle: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("Xvfb", "dbus-run-session")
    for name in ("DEVSTREAM_HOME", "DEVSTREAM_KEY_FILE"):
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    run(bundle, "team", "create", "acme", "--person", "ana")
    read, written = os.pipe()
    screen = subprocess.Popen(
        # Where its last client left, a server refuses the next for a moment, unless told not to.
        ["Xvfb", "-noreset", "-displayfd", str(written), "-nolisten", "tcp"],
        pass_fds=[written],
        stderr=subprocess.DEVNULL,
    )
    os.close(written)
    with os.fdopen(read) as number:
        monkeypatch.setenv("DISPLAY", f":{number.readline().strip()}")
    said = home / "tray.txt"
    with said.open("wb") as output:
        tray = subprocess.Popen(
            ["dbus-run-session", "--", bundle],
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=home,
        )
    try:
        end = time.monotonic() + 60
        while subprocess.run([bundle, "status"], capture_output=True, check=False).returncode:
            assert tray.poll() is None, said.read_text()
            assert time.monotonic() < end, "the tray's node does not answer"
            time.sleep(0.2)
        emit = ("emit", "--kind", "build", "--state", "failed", "--service", "shop")
        run(bundle, *emit, "--title", "seen by the tray's node")
        assert "seen by the tray's node" in run(bundle, "tail")
        assert "PySide6" in Path(f"/proc/{child_of(tray.pid)}/maps").read_text()
    finally:
        os.killpg(tray.pid, signal.SIGTERM)
        tray.wait(30)
        screen.terminate()
        screen.wait(30)


def child_of(parent: int) -> int:
    """The process that a session's bus runs."""
    said = subprocess.run(
        ["ps", "--ppid", str(parent), "-o", "pid=,comm="],
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = (line.split()[0] for line in said.stdout.splitlines() if "devstream" in line)
    return int(found)
