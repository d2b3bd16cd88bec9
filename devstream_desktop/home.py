"""Home of a node: one folder, one place for paths, private to its owner.

    settings.toml    the operator's settings (see settings.py)
    sources.toml     the collector's sources, written by `devstream source add`; never a secret
    outlets.json     where the stream leaves; never a secret. outlet-NAME.json: how far one is
    carriers.json    brokers that carry the stream beside gossip; never a secret. carrier-NAME.json:
                     how far one is
    targets.toml     what the executor can deploy, written by the operator
    desk.toml        the preferences of this desk's person (desk/preferences.py)
    desk.sqlite      what this desk has shown and what was seen (desk/store.py)
    team/            the certificate and the chain of signed policies; no key
    secrets/         sealed files: keys, secrets of sources and of targets (keys/vault.py)
    history.sqlite   the log and the lines
    feed.json        epoch and last number of this device's feed: outside the database, to notice a
                     restored or copied one
    ballast          room on the disk that is let go when it is full (history/reserve.py)
    intake.sqlite    the collector's spool and cursors
    deploy.sqlite    the executor's runs
    mirrors/         bare clones that the git source reads
    ports.json       the ports taken last time, so that addresses in invites stay true
    peers.json       addresses where peers were found, for the next start
    node.log         what the node did; node.frequent.log: what of that it did very often

    control          the socket where a running node is asked; control.lock: who has the home

Whoever holds the lock is the home's only writer. Lock and socket are in the home, so every command
finds them, whatever its environment is. A path of a socket is short (108 bytes): a home whose path
does not fit is reached by a link in a private runtime folder.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import N_, _
from devstream_desktop.private_file import ASIDE

_KEEP_ASIDE_S = 30 * 86_400
MEANINGS = {
    "ports.json": N_(
        "the ports are taken anew, so an invite made before may name one that is"
        " closed; invite again"
    ),
    "peers.json": N_("peers are found anew"),
    "feed.json": N_("this device goes on under a new feed; nothing of the history is lost"),
    "team.json": N_("it was written anew from the policy; nothing is lost"),
    "doors.json": N_("where certificates are renewed is found anew"),
    "invites.json": N_(
        "the open invites are worth nothing any more; invite again whoever has not joined"
    ),
    "policy.msgpack": N_(
        "what can be read of the team's policies counts, and the rest comes"
        " from a device that has it"
    ),
    "tls.sealed": N_(
        "a new certificate is made or asked for; nothing is to be done unless it"
        " does not come (devstream doctor)"
    ),
    "joining-key.sealed": N_("a join that waited for an admin is asked for anew"),
    "intake.sqlite": N_(
        "what could be read of it was kept; a delivery that was accepted and"
        " waited may be lost, and polled sources may begin where they are now: send again"
        " what is missed (most services have a button for it)"
    ),
    "": N_("it is begun anew"),
}
"""Meaning of a file's loss, and what to do, by its name; of any other file by none."""
_SOCKET_PATH = 90
"""Bytes of the longest home whose sockets are reached directly."""
_OTHER_RUNTIME = "set XDG_RUNTIME_DIR to a folder that is yours alone"
_OTHER = f"or {_OTHER_RUNTIME}"


class HomeError(DevstreamError):
    """The home cannot be used; the message says why and what to do."""


class Home(NamedTuple):
    """The paths of one node.

    Each command has one, and the tray before anything else, so what few of its functions need is
    imported in them.
    """

    root: Path

    @classmethod
    def choose(cls, given: str | None) -> Home:
        """`--home`, else `DEVSTREAM_HOME`, else the platform's data folder."""
        root = given or os.environ.get("DEVSTREAM_HOME")
        return cls(Path(root).expanduser().absolute()) if root else cls.usual()

    @classmethod
    def usual(cls) -> Home:
        """Return the home in the platform's data folder."""
        if sys.platform == "linux":
            # The folder that platformdirs gives, which takes a third as long to load as a command
            # has (https://specifications.freedesktop.org/basedir-spec/latest/).
            base, user = os.environ.get("XDG_DATA_HOME", ""), os.environ.get("HOME", "")
            if not base.startswith("/") and user.startswith("/"):
                base = f"{user}/.local/share"
            if base.startswith("/"):
                return cls(Path(base, "devstream"))
        import platformdirs

        root = platformdirs.user_data_dir("devstream", appauthor=False)
        return cls(Path(root).expanduser().absolute())

    def create(self) -> None:
        """Make the folders, readable by the owner alone.

        Raises:
            HomeError: the folder cannot be made, or belongs to somebody else.

        """
        for folder in (self.root, self.team, self.secrets):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _check_private(folder)
                _open_to_owner(folder)
            except OSError as error:
                raise HomeError(
                    f"{_unusable(folder, error)}; choose another with --home"
                ) from error

    @property
    def settings(self) -> Path:
        return self.root / "settings.toml"

    @property
    def sources(self) -> Path:
        return self.root / "sources.toml"

    @property
    def outlets(self) -> Path:
        return self.root / "outlets.json"

    def outlet_state(self, name: str) -> Path:
        """Return the file that says how far an outlet is."""
        return self.root / f"outlet-{name}.json"

    @property
    def carriers(self) -> Path:
        return self.root / "carriers.json"

    def carrier_place(self, name: str) -> Path:
        """Return the file that says how far a carrier is."""
        return self.root / f"carrier-{name}.json"

    @property
    def targets(self) -> Path:
        return self.root / "targets.toml"

    @property
    def preferences(self) -> Path:
        return self.root / "desk.toml"

    @property
    def desk(self) -> Path:
        return self.root / "desk.sqlite"

    @property
    def team(self) -> Path:
        return self.root / "team"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def history(self) -> Path:
        return self.root / "history.sqlite"

    @property
    def feed_mirror(self) -> Path:
        return self.root / "feed.json"

    @property
    def intake(self) -> Path:
        return self.root / "intake.sqlite"

    @property
    def archive(self) -> Path:
        """The signed entries of deploys, which outlive the history."""
        return self.root / "deploy-archive.sqlite"

    @property
    def deploy(self) -> Path:
        return self.root / "deploy.sqlite"

    @property
    def mirrors(self) -> Path:
        return self.root / "mirrors"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def peers(self) -> Path:
        return self.root / "peers.json"

    @property
    def log(self) -> Path:
        return self.root / "node.log"

    @property
    def frequent_log(self) -> Path:
        return self.root / "node.frequent.log"

    def set_aside(self) -> tuple[str, ...]:
        """Return the files set aside in the last 30 days: for each a sentence on what is lost."""
        from devstream_desktop import sqlite_file

        since = time.time() - _KEEP_ASIDE_S
        folders = (self.root, self.team, self.secrets)
        found = [path for folder in folders for path in folder.glob(f"*{ASIDE}")]
        found += sqlite_file.asides(self.intake)
        return tuple(
            _("{name} could not be read, and was set aside as {file}: {meaning}").format(
                name=name, file=path.name, meaning=_meaning(name)
            )
            for path in sorted(found)
            if path.stat().st_mtime > since
            and (name := path.name.removesuffix(ASIDE).partition(".damaged-")[0])
        )

    def runtime(self) -> Path:
        """Find or make the private folder of this home's session (0700).

        Raises:
            HomeError: it is a link, somebody else's, or open to others: whoever waits there could
                answer in our place.
        """
        # The whole path is part of the name, because several homes may run at once.
        name = f"devstream-{self._digest()[:16]}"
        base = os.environ.get("XDG_RUNTIME_DIR", "")
        # `su` and `sudo` hand on the folder of the user who called them.
        if not base or not _is_ours(Path(base)) or not _fits(Path(base) / name):
            import tempfile

            uid = os.getuid() if sys.platform != "win32" else 0
            base, name = tempfile.gettempdir(), f"{name}-{uid}"
            base = base if _fits(Path(base) / name) else "/tmp"  # noqa: S108 - checked below
        folder = Path(base) / name
        try:
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            _check_runtime(folder)
        except OSError as error:
            raise HomeError(f"{_unusable(folder, error)}; {_OTHER_RUNTIME}") from error
        return folder

    def meeting_place(self) -> Path:
        """Return this home by a path short enough for its sockets.

        Raises:
            HomeError: the home is another user's, or the runtime folder cannot be used.
        """
        if sys.platform == "win32":
            return self.root
        if self.root.exists():
            _check_owner(self.root, also_root=True)
        if _fits(self.root):
            return self.root
        link = self.runtime() / "home"
        if not link.is_symlink() or link.readlink() != self.root:
            import threading

            # Renamed into place, because two commands may make it at once.
            fresh = link.with_name(f"home.{os.getpid()}.{threading.get_ident()}")
            fresh.symlink_to(self.root)
            fresh.replace(link)
        return link

    def control_url(self) -> str:
        """Return the nng address of this home's control socket.

        Raises:
            HomeError: as `meeting_place`.
        """
        if sys.platform == "win32":
            return f"ipc://devstream-{self._digest()[:16]}"
        return f"ipc://{self.meeting_place() / 'control'}"

    def _digest(self) -> str:
        import hashlib

        # The bytes of the path, because a path need not be UTF-8.
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()

    @property
    def keyring_entry(self) -> str:
        """The name of this home's entry in a keyring; it tells nothing about the home."""
        return self._digest()[:32]


def _fits(folder: Path) -> bool:
    """Return true where sockets in `folder` have an address: short, and UTF-8 for nng."""
    path = os.fsencode(folder)
    return len(path) <= _SOCKET_PATH and path.decode("utf-8", "replace") == str(folder)


def _is_ours(folder: Path) -> bool:
    if sys.platform == "win32":
        return folder.is_dir()
    try:
        return folder.is_dir() and folder.stat().st_uid == os.getuid()
    except OSError:
        return False


def _unusable(folder: Path, error: OSError) -> str:
    from devstream_desktop import machine

    return f"{folder} cannot be used: {machine.reason(error)}"


def _meaning(name: str) -> str:
    return _(MEANINGS.get(name, MEANINGS[""]))


def _check_private(folder: Path) -> None:
    if sys.platform == "win32":
        return
    status = _check_owner(folder)
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)


def _check_owner(folder: Path, *, also_root: bool = False) -> os.stat_result:
    """Refuse another user's home; `also_root` lets root ask its node, and change nothing."""
    status = folder.stat()
    if sys.platform == "win32" or status.st_uid == os.getuid():
        return status
    if also_root and os.getuid() == 0:
        return status
    whose = f"{folder} belongs to another user ({_user(status.st_uid)})"
    raise HomeError(f"{whose}; run this as that user, or choose another with --home")


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _open_to_owner(folder: Path) -> None:
    """Let the owner read and write what belongs to them; a mode that forbids it is a mistake."""
    if sys.platform == "win32":
        return
    for path in folder.iterdir():
        found = path.lstat()
        # Databases and logs are written to; other files are replaced.
        needed = 0o600 if ".sqlite" in path.name or ".log" in path.name else 0o400
        ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid()
        if ours and found.st_mode & needed != needed:
            path.chmod(stat.S_IMODE(found.st_mode) | needed)


def _check_runtime(folder: Path) -> None:
    """Refuse a folder that others may have made or changed.

    Unlike the home it is nothing that its owner would ever make or open.
    """
    if sys.platform == "win32":
        return
    status = folder.lstat()
    if stat.S_ISLNK(status.st_mode):
        danger = "whoever made it could answer in the node's place"
        raise HomeError(f"{folder} is a link, and {danger}: remove it (rm {folder}), {_OTHER}")
    if not stat.S_ISDIR(status.st_mode):
        raise HomeError(f"{folder} is no folder: remove it (rm {folder}), {_OTHER}")
    if status.st_uid != os.getuid():
        danger = "another user, who could answer in the node's place"
        raise HomeError(f"{folder} belongs to {danger}: {_OTHER_RUNTIME}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        advice = f"end devstream, remove it (rm -r {folder}), {_OTHER}"
        raise HomeError(f"{folder} is open to others: {advice}")
