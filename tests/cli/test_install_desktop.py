"""Menu entry, icon, start at login, completion and manual pages of one user."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devstream_desktop.cli.main import main
from devstream_desktop.desk.autostart import autostart
from devstream_desktop.desk.user_files import UserFiles, menu_entry
from devstream_desktop.doctor.menu import menu
from devstream_desktop.home import Home


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a user whose session has a screen; a space and a sign for quoting."""
    folder = tmp_path / "ana's $home"
    folder.mkdir()
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "DEVSTREAM_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "usr" / "share"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "etc" / "xdg"))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SHELL", "/bin/bash")
    return folder


def files_of(folder: Path) -> dict[Path, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in found}


def doctor(home: Home | None = None) -> tuple[str, str]:
    (check,) = menu(home or Home.choose(None))
    return check.what, check.advice


def test_all_of_it_is_put_there_once_and_taken_away(user: Path, capsys) -> None:
    assert doctor() == ("devstream is not in the menu of this desktop", "devstream install-desktop")
    assert main(["install-desktop"]) == 0
    first = files_of(user)
    assert {str(path) for path in first if "man1" not in str(path)} == {
        ".config/autostart/devstream.desktop",
        ".config/fish/completions/devstream.fish",
        ".local/share/applications/devstream.desktop",
        ".local/share/bash-completion/completions/devstream",
        ".local/share/icons/hicolor/scalable/apps/devstream.svg",
        ".local/share/zsh/site-functions/_devstream",
    }
    assert Path(".local/share/man/man1/devstream-install-desktop.1") in first
    said = capsys.readouterr().out
    assert "starts at login" in said
    assert doctor() == ("devstream is in the menu, and starts at login", "")

    assert main(["install-desktop"]) == 0
    assert files_of(user) == first
    assert "all of it is there and of this version" in capsys.readouterr().out

    assert main(["install-desktop", "--remove"]) == 0
    assert files_of(user) == {}
    assert main(["install-desktop", "--remove"]) == 0
    assert "nothing of it was there" in capsys.readouterr().out


def test_what_is_not_ours_stays(user: Path) -> None:
    other = user / ".local" / "share" / "man" / "man1" / "other.1"
    other.parent.mkdir(parents=True)
    other.write_text("another's")
    assert main(["install-desktop"]) == 0
    assert main(["install-desktop", "--remove"]) == 0
    assert list(files_of(user)) == [other.relative_to(user)]


def test_a_page_of_a_command_that_is_gone_goes(user: Path) -> None:
    gone = UserFiles.of_environment().manual / "devstream-gone.1"
    gone.parent.mkdir(parents=True)
    gone.write_text("old")
    assert main(["install-desktop"]) == 0
    assert not gone.exists()


def test_the_start_at_login_can_be_left_as_it_is(user: Path) -> None:
    assert main(["install-desktop", "--no-login"]) == 0
    assert not (user / ".config" / "autostart").exists()
    assert doctor() == ("devstream is in the menu, and does not start at login", "")


def test_a_start_at_login_that_was_turned_off_stays_off(user: Path, monkeypatch, capsys) -> None:
    assert main(["install-desktop"]) == 0
    autostart(Home.choose(None)).set_enabled(on=False)
    monkeypatch.setattr("devstream_desktop.desk.user_files.__version__", "99")
    assert main(["install-desktop"]) == 0
    assert not autostart(Home.choose(None)).enabled()
    assert "does not start at login; the settings window" in capsys.readouterr().out


def test_doctor_knows_what_an_update_left_behind(user: Path, monkeypatch) -> None:
    assert main(["install-desktop"]) == 0
    monkeypatch.setattr("devstream_desktop.desk.user_files.__version__", "99")
    assert doctor() == ("the menu entry is of another version", "devstream install-desktop")
    assert main(["install-desktop"]) == 0
    assert doctor()[1] == ""


def test_doctor_knows_that_the_menu_starts_another_one(user: Path, monkeypatch) -> None:
    assert main(["install-desktop"]) == 0
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/devstream/devstream")
    said, advice = doctor()
    assert said.startswith("the menu starts another devstream: ")
    assert advice == "devstream install-desktop"
    # The entry of the menu may be a newer one's.
    UserFiles.of_environment().entry.write_text(menu_entry(Home.choose(None)))
    assert doctor()[0].startswith("the login starts another devstream: ")
    assert main(["install-desktop"]) == 0
    assert doctor() == ("devstream is in the menu, and starts at login", "")
    # The login starts the one that the menu starts.
    starts = (user / ".config" / "autostart" / "devstream.desktop").read_text()
    assert 'Exec="/opt/devstream/devstream"\n' in starts


@pytest.mark.parametrize("lost", ["icon", "bash", "man"])
def test_doctor_knows_what_is_missing(user: Path, lost: str) -> None:
    assert main(["install-desktop"]) == 0
    files = UserFiles.of_environment()
    others = {
        "icon": files.icon,
        "bash": files.completions["bash"],
        "man": files.manual / "devstream.1",
    }
    others[lost].unlink()
    assert doctor() == (f"{others[lost]} is missing", "devstream install-desktop")
    assert main(["install-desktop"]) == 0
    assert doctor()[1] == ""


def test_a_package_of_the_system_has_put_it_there(user: Path, tmp_path: Path) -> None:
    entry = tmp_path / "usr" / "share" / "applications" / "devstream.desktop"
    entry.parent.mkdir(parents=True)
    entry.touch()
    assert doctor() == ("devstream is in the menu, and does not start at login", "")


def test_a_server_has_no_menu(user: Path, monkeypatch) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert list(menu(Home.choose(None))) == []


def test_a_folder_of_another_user_is_told_with_what_to_do(user: Path, capsys) -> None:
    blocked = user / ".local"
    blocked.write_text("no folder")
    assert main(["install-desktop"]) == 1
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "run this again" in said


def test_who_uses_zsh_is_told_the_line_for_it(user: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert main(["install-desktop"]) == 0
    assert f"fpath=({user}/.local/share/zsh/site-functions $fpath)" in capsys.readouterr().out


@pytest.mark.process
def test_the_menu_entry_is_valid_and_starts_this_devstream(user: Path) -> None:
    if shutil.which("desktop-file-validate") is None:
        pytest.skip("desktop-file-validate is not installed: packaging/system-packages test")
    assert main(["install-desktop"]) == 0
    entry = UserFiles.of_environment().entry
    done = subprocess.run(
        ["desktop-file-validate", entry], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    (command,) = (
        line.removeprefix("Exec=")
        for line in entry.read_text().splitlines()
        if line.startswith("Exec=")
    )
    # Without field codes and signs that need more than quotes the words are those of a shell.
    version = subprocess.run(
        [*shlex.split(command), "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"HOME": str(user)},
    )
    assert version.stdout.startswith("devstream ")
