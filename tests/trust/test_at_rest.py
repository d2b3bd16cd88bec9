"""Keys and files at rest.

Whatever keyring is there or not, nothing lies open; and under the laxest umask every file is
private.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.home import Home, HomeError
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.team.joining.invite import read_invite

pytestmark = pytest.mark.process

PLAINTEXT = """
import pathlib
from keyring.backend import KeyringBackend

class PlaintextKeyring(KeyringBackend):
    priority = 99.0
    file = pathlib.Path(__file__).parent / "kept"

    def get_password(self, service, username):
        return self.file.read_text() if self.file.exists() else None

    def set_password(self, service, username, password):
        self.file.write_text(password)
"""


def without_a_keyring(desk, folder: Path, backend: str) -> None:
    """The desk's environment on a machine whose only keyring is `backend`.

    `keyrings.alt` is installed there.
    """
    package = folder / "keyrings" / "alt"
    package.mkdir(parents=True)
    for name in ("file", "Windows"):
        (package / f"{name}.py").write_text(PLAINTEXT)
    for path in (folder / "keyrings", package):
        (path / "__init__.py").touch()
    del desk.environment["DEVSTREAM_KEY_FILE"]
    desk.environment |= {
        "PYTHONPATH": str(folder),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/none",
        "HOME": str(folder),
    }
    if backend:
        desk.environment["PYTHON_KEYRING_BACKEND"] = backend


@pytest.mark.parametrize(
    "backend",
    [
        "",
        "keyring.backends.null.Keyring",
        "keyring.backends.fail.Keyring",
        "keyrings.alt.file.PlaintextKeyring",
        "no.such.Backend",
        "\u202e",
    ],
)
def test_no_keyring_or_a_wrong_one_is_told_with_the_way_out_and_nothing_is_kept_in_clear(
    world, tmp_path, backend: str
) -> None:
    desk = world.desk("ana")
    without_a_keyring(desk, tmp_path / "site", backend)
    said = desk.run("team", "create", "acme", "--person", "ana", code=1)
    assert "--allow-key-file" in said
    assert not (tmp_path / "site" / "keyrings" / "alt" / "kept").exists()
    # The lock says which process has the home, and nothing else.
    assert {path.name for path in desk.home.root.rglob("*") if path.is_file()} <= {"control.lock"}


def test_a_key_that_is_lost_is_said_and_never_replaced(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    key = Path(ana.environment["DEVSTREAM_KEY_FILE"])
    sealed = {path: path.read_bytes() for path in ana.home.secrets.iterdir()}
    before = key.read_bytes()
    key.unlink()
    assert "is gone" in ana.run("node", code=1)
    assert not key.exists()
    key.write_bytes(DeviceKey.generate().seed)
    key.chmod(0o600)
    assert "another key" in ana.run("node", code=1)
    assert {path: path.read_bytes() for path in ana.home.secrets.iterdir()} == sealed
    key.write_bytes(before)
    ana.start()


def open_to_others(*roots: Path) -> list[str]:
    found = []
    for path in (path for root in roots for path in (root, *root.rglob("*"))):
        status = path.lstat()
        if not stat.S_ISLNK(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077:
            found.append(f"{path} {stat.S_IMODE(status.st_mode):o}")
    return found


@pytest.mark.skipif(os.name == "nt", reason="modes are access lists there")
def test_under_umask_000_every_file_is_the_owners_alone_and_no_secret_lies_in_any(
    world, until, tmp_path
) -> None:
    secrets = {"webhook": b"a long webhook secret of the team"}
    (tmp_path / "secret").write_bytes(secrets["webhook"] + b"\n")
    umask = os.umask(0)
    try:
        ana, bob = world.team("bob")
        ana.run("source", "add", "github", "hub", "--secret-file", str(tmp_path / "secret"))
        ana.run("emit", "--kind", "build", "--state", "failed", "--service", "shop", "--title", "x")
        invite = ana.run("team", "invite")
        paper = ana.run("team", "recovery-key")
        wrong = ana.run("team", "invite", "--pre-approved")
        bob.run("team", "join", wrong, "--person", "bob2", code=1)
        until("bob has it", lambda: any(line.event.kind == "build" for line in bob.lines()))
        used = [
            ana.home.root,
            bob.home.root,
            world.runtime,
            *(Path(desk.environment["DEVSTREAM_KEY_FILE"]) for desk in (ana, bob)),
        ]
        assert open_to_others(*used) == []
        for desk in (ana, bob):
            desk.stop()
        assert open_to_others(*used) == []
    finally:
        os.umask(umask)
    for name, text in (("invite", invite), ("pre-approved", wrong)):
        secrets |= {
            name: text.encode()[60:],
            f"{name} secret": read_invite(text).secret,
            f"{name} secret as text": read_invite(text).secret.hex().encode(),
        }
    secrets |= {
        "paper": paper.encode()[5:25],
        "key file": Path(ana.environment["DEVSTREAM_KEY_FILE"]).read_bytes().strip(),
    }
    for desk in (ana, bob):
        for path in desk.home.root.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            assert [name for name, secret in secrets.items() if secret in content] == [], path
            assert b"PRIVATE KEY" not in content, path
    assert "Traceback" not in ana.home.log.read_text()


@pytest.mark.skipif(os.name == "nt", reason="modes are access lists there")
def test_a_history_that_was_put_there_open_to_all_is_closed(tmp_path) -> None:
    home, key = Home(tmp_path / "home"), DeviceKey.generate()
    home.create()
    History(home.history, FeedMirror(home.feed_mirror), key.public, "t").close()
    home.history.chmod(0o666)
    history = History(home.history, FeedMirror(home.feed_mirror), key.public, "t")
    with sqlite3.connect(home.history) as reader:
        assert reader.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert open_to_others(home.root) == []
    reader.close()
    history.close()


@pytest.mark.skipif(os.name == "nt", reason="modes are access lists there")
def test_a_home_behind_a_link_is_private_and_one_of_somebody_else_is_refused(tmp_path) -> None:
    (tmp_path / "disk").mkdir(mode=0o777)
    (tmp_path / "disk").chmod(0o777)
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    Home(tmp_path / "home").create()
    assert open_to_others(tmp_path / "disk") == []
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, -1)
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises(HomeError, match="belongs to another user"):
        Home(tmp_path / "link").create()
