"""A backup of a home, made while its node runs."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

import msgspec

from devstream_desktop import __version__, machine
from devstream_desktop.clock import now_ms
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.node.home_status import status_of_files
from devstream_desktop.node.saving.contents import (
    FORMAT,
    LIST,
    VERSIONS,
    BackupError,
    Manifest,
    Saved,
    plain_files,
)

_LARGEST_LINKED = 1 << 20
"""Bytes of a file behind a link, which can be anything."""
_LEVEL = 3
"""Of gzip: most of the saving for a third of the time."""


def back_up(home: Home, file: Path, tell: Callable[[str], None] = lambda _: None) -> Manifest:
    """Save a home to `file` (0600), whole or not at all.

    The node may run: each database is copied as it is in one moment.

    Args:
        home: Of which.
        file: Where; it must not exist.
        tell: Called with the name of each database before it is copied.

    Raises:
        BackupError: there is no node in the home, the file exists, or it cannot be written.

    """
    status = status_of_files(home)
    if not status.team:
        raise BackupError(f"{home.root} holds no node yet, so there is nothing to back up")
    if file.exists():
        raise BackupError(f"{file} exists already; name another file, or remove it")
    try:
        # Beside the file: it is renamed at the end, and the copies are as large as the home.
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
            whole = Path(folder, "backup")
            descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as raw:
                # The GNU format has the size of a large file in its one header.
                with tarfile.open(
                    fileobj=raw, mode="w:gz", compresslevel=_LEVEL, format=tarfile.GNU_FORMAT
                ) as archive:
                    files, versions = _copy(home, archive, Path(folder), tell)
                    made = Manifest(
                        format=FORMAT,
                        devstream=__version__,
                        made=now_ms(),
                        person=status.person,
                        team=status.team,
                        device=status.device,
                        versions=versions,
                        files=files,
                    )
                    _add(archive, LIST, io.BytesIO(msgspec.json.encode(made)))
                raw.flush()
                os.fsync(raw.fileno())
            _put(whole, file)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(
            f"there is no backup, because it cannot be written: {machine.reason(error)}"
        ) from error
    return made


def copy_key(home: Home, path: Path) -> None:
    """Write the key that opens a home's secrets to a private file.

    Raises:
        VaultError: there is none, it is locked, or the file exists or cannot be made.

    """
    Vault.copy_key(home, path)


def _put(whole: Path, file: Path) -> None:
    try:
        # A link never replaces a file that another command made meanwhile.
        os.link(whole, file)
    except FileExistsError:
        raise
    except OSError:
        # Many a stick has a file system without links.
        whole.rename(file)


def _copy(
    home: Home, archive: tarfile.TarFile, folder: Path, tell: Callable[[str], None]
) -> tuple[list[Saved], dict[str, int]]:
    files: list[Saved] = []
    versions: dict[str, int] = {}
    for name in VERSIONS:
        source = home.root / name
        if not source.exists():
            continue
        tell(name)
        copy = folder / name
        versions[name] = _copy_database(source, copy)
        with copy.open("rb") as database:
            files.append(_add(archive, name, database))
        copy.unlink()
    for name in plain_files(home):
        try:
            content = io.BytesIO(_content(Path(home.root, name)))
        except FileNotFoundError:
            continue  # the node replaced or removed it in this moment
        files.append(_add(archive, name, content))
    return files, versions


def _content(path: Path) -> bytes:
    """Read a plain file, or the settings that a link leads to."""
    if path.is_symlink() and not (path.is_file() and path.stat().st_size <= _LARGEST_LINKED):
        raise BackupError(
            f"{path} is a link that leads to no file of settings, so there is no backup; correct"
            " it, or remove it"
        )
    return path.read_bytes()


def _copy_database(source: Path, copy: Path) -> int:
    """Copy a database as it is now; return its version."""
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(copy)) as writing,
    ):
        # In one step: the node goes on to write, and this sees one moment of it.
        reading.backup(writing)
        # A copy that is read from an archive has no second file.
        writing.execute("PRAGMA journal_mode = DELETE")
        (version,) = writing.execute("PRAGMA user_version").fetchone()
    return int(version)


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> Saved:
    digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type] # any file
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, now_ms() // 1000
    archive.addfile(member, content)
    return Saved(name, size, digest)
