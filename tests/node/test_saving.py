"""A backup of a home whose node runs, and the node that is restored from it."""

from __future__ import annotations

import errno
import gzip
import io
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from devstream_desktop.cli.main import main
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.node import enrolment
from devstream_desktop.node.home_status import status_of_files
from devstream_desktop.node.saving.backup import back_up
from devstream_desktop.node.saving.contents import LIST, BackupError, Manifest, belongs
from devstream_desktop.node.saving.restore import restore


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Path) -> Home:
    """A home with a team, a database and things that no backup takes."""
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    made = Home(tmp_path / "home")
    made.create()
    enrolment.create_team(made, "acme", "ana")
    runs = Runs(made.deploy)
    runs.open()
    runs.close()
    made.settings.write_text("[mesh]\ndiscovery = false\n")
    for name in ("key", "node.log", "feed.json", "team/policy.msgpack.unreadable"):
        (made.root / name).write_text("not for a backup")
    (made.team / "elsewhere").symlink_to("/etc/passwd")
    return made


NOT_SAVED = {"feed_mirror", "mirrors", "log", "frequent_log"}
"""Names of files that a node makes anew."""


def test_every_file_that_a_home_names_is_saved(home: Home) -> None:
    named = {
        name: path.relative_to(home.root).as_posix()
        for name in vars(Home)
        if isinstance(path := getattr(home, name), Path) and path not in (home.team, home.secrets)
    }
    named.pop("root")
    assert {"carriers", "outlets", "settings", "targets"} <= named.keys()
    assert {name for name, file in named.items() if not belongs(file)} == NOT_SAVED


@pytest.fixture
def saved(home: Home, tmp_path: Path) -> Path:
    back_up(home, tmp_path / "saved")
    return tmp_path / "saved"


def contents(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}


def written(file: Path, members: dict[str, bytes], link: str = "") -> Path:
    """An archive with these members."""
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return file


def test_it_is_private_and_holds_no_key(home: Home, saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    found = contents(saved)
    assert {"settings.toml", "deploy.sqlite", LIST} <= set(found)
    assert any(name.startswith("secrets/") for name in found)
    assert not {"key", "feed.json", "node.log"} & set(found)
    assert not [name for name in found if "unreadable" in name or "elsewhere" in name]
    key = (home.root.parent / "key").read_bytes().strip()
    assert all(key not in content for content in found.values())
    assert [path.name for path in saved.parent.iterdir() if path.name.startswith(".")] == []


def test_a_restored_home_is_the_same_file_for_file(home: Home, saved: Path, tmp_path: Path) -> None:
    fresh = Home(tmp_path / "fresh")
    fresh.create()
    made = restore(fresh, saved)
    assert (made.team, made.person) == ("acme", "ana")
    for name, content in contents(saved).items():
        if name != LIST:
            assert (fresh.root / name).read_bytes() == content
            assert stat.S_IMODE((fresh.root / name).stat().st_mode) == 0o600
    assert Vault.open(fresh).names() == Vault.open(home).names()
    with pytest.raises(BackupError, match="holds a node already"):
        restore(fresh, saved)


def test_settings_that_are_a_link_are_saved_with_what_they_say(home: Home, tmp_path: Path) -> None:
    managed = tmp_path / "managed.toml"
    home.settings.replace(managed)
    home.settings.symlink_to(managed)
    back_up(home, tmp_path / "saved")
    assert contents(tmp_path / "saved")["settings.toml"] == managed.read_bytes()
    # Anything else behind a link is told, and not left out silently.
    for size in (None, 2 << 20):
        managed.unlink(missing_ok=True)
        if size is not None:
            managed.write_bytes(bytes(size))
        with pytest.raises(BackupError, match="leads to no file of settings"):
            back_up(home, tmp_path / f"saved-{size}")
    home.settings.unlink()
    home.settings.symlink_to("/dev/zero")
    with pytest.raises(BackupError, match="leads to no file of settings"):
        back_up(home, tmp_path / "endless")


def test_nothing_is_overwritten_by_a_backup(home: Home, saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        back_up(home, saved)
    assert saved.read_bytes() == before


def test_a_disk_without_links_takes_a_backup(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links")

    monkeypatch.setattr("os.link", link)
    back_up(home, tmp_path / "stick")
    assert LIST in contents(tmp_path / "stick")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_advice_of_a_backup_works_and_may_be_repeated(
    home: Home, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["--home", str(home.root)]
    assert main([*start, "backup", str(tmp_path / "one")]) == 0
    advice = capsys.readouterr().out.splitlines()[-1].partition(": devstream ")[2]
    key = tmp_path / "moved.key"
    for file, code in ((saved, 1), (tmp_path / "two", 0)):
        words = advice.replace("FILE", str(file)).replace("KEY", str(key))
        assert main([*start, *words.split()]) == code
        assert key.exists() is (code == 0)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_home_without_a_node_has_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="holds no node yet"):
        back_up(Home(tmp_path / "empty"), tmp_path / "file")


@pytest.mark.parametrize("name", ["../escape", "/etc/cron.d/x", "key", "team/../../x", "bin/run"])
def test_a_name_that_no_backup_has_is_refused(saved: Path, tmp_path: Path, name: str) -> None:
    bad = written(tmp_path / "bad", {name: b"x", **contents(saved)})
    refused(tmp_path, bad, "is no backup of devstream")
    assert not (tmp_path / "escape").exists()


def test_a_link_is_refused(saved: Path, tmp_path: Path) -> None:
    bad = written(tmp_path / "bad", contents(saved), link="team/link")
    refused(tmp_path, bad, "is no backup of devstream")


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE]
)
def test_a_header_that_is_read_whole_into_memory_is_refused(tmp_path: Path, kind: bytes) -> None:
    # Each recurses into the next, and the last one declares more than the file has.
    headers = [header("team/x", kind, 512) + bytes(512) for _ in range(2000)]
    file = tmp_path / "bad"
    file.write_bytes(gzip.compress(b"".join([*headers, header("team/x", kind, 4 << 30)])))
    refused(tmp_path, file, "is no backup of devstream")


def header(name: str, kind: bytes, size: int) -> bytes:
    """The first block of a member."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("size", [-512, 1 << 60])
def test_a_size_that_no_backup_has_is_refused(tmp_path: Path, size: int) -> None:
    file = tmp_path / "bad"
    file.write_bytes(gzip.compress(header("team/x", tarfile.REGTYPE, size)))
    refused(tmp_path, file, "holds more than a backup can")


def test_a_gzip_header_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bad"
    # It announces an extra field, and ends.
    file.write_bytes(b"\x1f\x8b\x08\x04" + bytes(6))
    refused(tmp_path, file, "cannot be restored")


@pytest.mark.parametrize("content", [b"[" * 5_000, b'{"person": "\xff"}', b"null"])
def test_a_list_that_is_none_is_refused(saved: Path, tmp_path: Path, content: bytes) -> None:
    bad = written(tmp_path / "bad", {**contents(saved), LIST: content})
    refused(tmp_path, bad, "its list is missing or unreadable")


def test_a_list_that_names_a_file_twice_is_refused(saved: Path, tmp_path: Path) -> None:
    files = msgspec.json.decode(contents(saved)[LIST], type=Manifest).files
    bad = written(tmp_path / "bad", changed(saved, files=[*files, files[0]]))
    refused(tmp_path, bad, "is not whole")


@pytest.mark.parametrize("made", [-1, 1 << 62])
def test_a_time_that_no_day_has_is_refused(saved: Path, tmp_path: Path, made: int) -> None:
    refused(tmp_path, written(tmp_path / "bad", changed(saved, made=made)), "is missing or unread")


def test_a_name_that_needs_a_header_of_its_own_is_not_saved(home: Home, tmp_path: Path) -> None:
    for name in ("x" * 100, "schlüssel"):
        (home.team / name).write_bytes(b"x")
        assert not belongs(f"team/{name}")
    back_up(home, tmp_path / "file")
    fresh = Home(tmp_path / "fresh")
    fresh.create()
    assert restore(fresh, tmp_path / "file").files


def changed(saved: Path, **fields: object) -> dict[str, bytes]:
    found = contents(saved)
    manifest = msgspec.json.decode(found[LIST], type=Manifest)
    found[LIST] = msgspec.json.encode(msgspec.structs.replace(manifest, **fields))
    return found


@pytest.mark.parametrize(
    "fields", [{"format": 2}, {"versions": {"history.sqlite": 99}}, {"versions": {"new.sqlite": 1}}]
)
def test_one_of_a_newer_devstream_is_refused(saved: Path, tmp_path: Path, fields) -> None:
    refused(tmp_path, written(tmp_path / "bad", changed(saved, **fields)), "which is newer")


def test_what_is_not_whole_is_refused(saved: Path, tmp_path: Path) -> None:
    found = contents(saved)
    other = {**found, "settings.toml": b"[mesh]\ndiscovery = true\n"}
    refused(tmp_path, written(tmp_path / "a", other), "settings.toml is not what was saved")
    less = {name: content for name, content in found.items() if name != "settings.toml"}
    refused(tmp_path, written(tmp_path / "b", less), "is not whole")
    listless = {name: content for name, content in found.items() if name != LIST}
    refused(tmp_path, written(tmp_path / "c", listless), "is not whole")
    (tmp_path / "d").write_bytes(saved.read_bytes()[:-200])
    refused(tmp_path, tmp_path / "d", "cannot be restored")
    (tmp_path / "e").write_bytes(b"hello")
    refused(tmp_path, tmp_path / "e", "cannot be restored")
    refused(tmp_path, tmp_path / "none", "cannot be restored")


KILLED = """
import os, sys
from pathlib import Path
from devstream_desktop.home import Home
from devstream_desktop.node.saving.restore import restore
home, file, left = Home(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
def moved(event, args):
    global left
    if event == "os.rename":
        left -= 1
        if left < 0:
            os._exit(9)
sys.addaudithook(moved)
restore(home, file)
"""
"""Restore a home, and end like a killed program after some moves."""


@pytest.mark.process
def test_a_restore_that_is_killed_anywhere_leaves_no_node_and_is_done_again(
    saved: Path, tmp_path: Path
) -> None:
    number, again, ended = 0, 0, 9
    while ended == 9:
        fresh = Home(tmp_path / f"fresh-{number}")
        fresh.create()
        words = [sys.executable, "-c", KILLED, str(fresh.root), str(saved), str(number)]
        ended = subprocess.run(words, check=False).returncode
        if status_of_files(fresh).team == "":
            again += 1
            restore(fresh, saved)
        elif ended == 9:
            with pytest.raises(BackupError, match="holds a node already"):
                restore(fresh, saved)
        assert status_of_files(fresh).team == "acme"
        found = {path for path in fresh.root.rglob("*") if path.is_file()}
        assert found == {fresh.root / name for name in contents(saved) if name != LIST}
        assert [path.name for path in fresh.root.iterdir() if path.name.startswith(".")] == []
        number += 1
    # All but the cut after the team's move, and the run that was not cut.
    assert (ended, again) == (0, number - 2)
    assert again > 3


def test_a_restore_that_cannot_end_changes_nothing(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == "team":
            raise OSError(errno.ENOSPC, "full")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    refused(tmp_path, saved, "nothing is changed")
    monkeypatch.undo()
    assert restore(Home(tmp_path / "fresh"), saved).team == "acme"


@pytest.mark.process
@pytest.mark.parametrize("name", ["targets.toml", "team/policy.msgpack"])
def test_what_was_written_after_a_restore_was_killed_is_kept(
    saved: Path, tmp_path: Path, name: str
) -> None:
    fresh = Home(tmp_path / "fresh")
    fresh.create()
    words = [sys.executable, "-c", KILLED, str(fresh.root), str(saved), "2"]
    assert subprocess.run(words, check=False).returncode == 9
    (fresh.root / name).write_text("mine")
    with pytest.raises(BackupError, match="holds a node already"):
        restore(fresh, saved)
    assert (fresh.root / name).read_text() == "mine"


def refused(folder: Path, file: Path, why: str) -> None:
    """The file is refused, and its home stays as it was."""
    home = Home(folder / "fresh")
    home.create()
    before = sorted(home.root.rglob("*"))
    with pytest.raises(BackupError, match=why):
        restore(home, file)
    assert sorted(home.root.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["key", "control.lock", "node.log", "team/a/b", "secrets/x", "x/y"]
)
def test_what_belongs_to_a_backup_is_named_one_by_one(name: str) -> None:
    assert not belongs(name)
    assert belongs("secrets/left/tls.sealed")


@pytest.mark.process
def test_a_node_is_saved_while_it_writes_and_restored_elsewhere(
    world, until: Callable[..., object], tmp_path: Path
) -> None:
    ana, _ = world.team("bob")
    ana.run(
        "emit", "--kind", "change", "--state", "pushed", "--service", "shop", "--title", "first"
    )
    file, key = tmp_path / "saved.tar.gz", tmp_path / "carried.key"
    said = ana.run("backup", str(file), "--key-file", str(key))
    assert "ana's node in team acme" in said
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    first = len(ana.facts())
    ana.run("emit", "--kind", "change", "--state", "pushed", "--service", "shop", "--title", "late")
    until("bob has both", lambda: len(world.desks[1].facts()) > first)
    assert ana.stop() == 0
    new = world.desk("moved")
    assert "still sealed" in new.run("restore", str(file))
    new.environment["DEVSTREAM_KEY_FILE"] = str(key)
    again = ana.run("restore", str(file), code=1)
    assert "holds a node already" in again
    new.start("--peer", world.desks[1].ready["mesh"])
    # What was told after the backup comes back from a peer, and new words are under a new feed.
    until("the late line is back", lambda: len(new.facts()) > first)
    new.run("emit", "--kind", "change", "--state", "pushed", "--service", "shop", "--title", "new")
    until("bob has the new line", lambda: len(world.desks[1].facts()) > first + 1)
    assert new.status().device == status_of_files(ana.home).device
    assert not any("two machines" in one for one in new.status().notices)
    with closing(sqlite3.connect(new.home.history)) as reading:
        mine = reading.execute("SELECT count(*) FROM feeds GROUP BY substr(feed, 1, 32)").fetchall()
    assert (2,) in mine
