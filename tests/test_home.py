"""A home is private to its owner, and its sockets have short paths."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import platformdirs
import pytest

from devstream_desktop.home import Home, HomeError
from devstream_desktop.private_file import write_private


def test_folders_are_the_owners_alone_even_when_they_were_open(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir(mode=0o755)
    home = Home(root)
    home.create()
    for folder in (home.root, home.team, home.secrets, home.runtime()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_option_beats_the_environment_beats_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVSTREAM_HOME", str(tmp_path / "environment"))
    assert Home.choose(str(tmp_path / "option")).root == tmp_path / "option"
    assert Home.choose(None).root == tmp_path / "environment"
    monkeypatch.delenv("DEVSTREAM_HOME")
    assert Home.choose(None).root.name == "devstream"


@pytest.mark.parametrize("data", [None, "", "relative", "~/data", "/srv/data", "/srv/data/"])
@pytest.mark.parametrize("user", [None, "", "relative", "/home/ana", "/home/ana/"])
def test_the_default_is_the_platform_s_data_folder(
    data: str | None, user: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("XDG_DATA_HOME", data), ("HOME", user)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    expected = platformdirs.user_data_dir("devstream", appauthor=False)
    assert Home.usual().root == Path(expected)


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes have no path")
def test_the_control_socket_fits_a_socket_path_however_deep_the_home_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    deep, other = Home(tmp_path / ("d" * 150)), Home(tmp_path / ("e" * 150))
    assert len(deep.control_url()) < 100
    assert deep.control_url() != other.control_url()


@pytest.fixture
def runtime_of(tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Home, Path]:
    """A home, and where its runtime folder will be."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    home = Home(tmp_path / ("h" * 100))
    folder = home.runtime()
    folder.rmdir()
    return home, folder


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes have no path")
def test_a_runtime_folder_that_is_a_link_is_refused_and_following_the_advice_works(
    runtime_of: tuple[Home, Path], tmp_path: Path
) -> None:
    home, folder = runtime_of
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    for target in (elsewhere, tmp_path / "nowhere"):
        folder.symlink_to(target)
        with pytest.raises(HomeError, match=rf"is a link.*rm {folder}\).*XDG_RUNTIME_DIR"):
            home.control_url()
        folder.unlink()
    assert list(elsewhere.iterdir()) == []
    assert home.runtime().is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes have no path")
@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707, 0o701, 0o1777])
def test_a_runtime_folder_that_is_open_to_others_is_refused_and_not_only_closed(
    runtime_of: tuple[Home, Path], mode: int
) -> None:
    home, folder = runtime_of
    folder.mkdir()
    folder.chmod(mode)
    (folder / "control").touch()  # what is in it may be anybody's
    with pytest.raises(HomeError, match=rf"is open to others.*rm -r {folder}\)"):
        home.runtime()
    shutil.rmtree(folder)
    assert stat.S_IMODE(home.runtime().stat().st_mode) == 0o700


@pytest.mark.skipif(
    sys.platform == "win32" or os.getuid() != 0, reason="only root can give a folder away"
)
def test_a_runtime_folder_of_another_user_is_refused(runtime_of: tuple[Home, Path]) -> None:
    home, folder = runtime_of
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    with pytest.raises(HomeError, match=r"belongs to another user.*XDG_RUNTIME_DIR"):
        home.runtime()


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes have no path")
def test_a_file_in_place_of_the_runtime_folder_is_refused(runtime_of: tuple[Home, Path]) -> None:
    home, folder = runtime_of
    folder.touch(mode=0o600)
    with pytest.raises(HomeError, match="is no folder"):
        home.runtime()


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HomeError, match="choose another with --home"):
        Home(tmp_path / "file" / "home").create()


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
