"""A home made again from a backup.

A backup may come from anywhere: only names that a backup holds are taken from it, only plain files,
and of bounded size. Everything is checked before any of it is in the home.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO

import msgspec

from devstream_desktop import machine, sqlite_file
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault, VaultError
from devstream_desktop.node.saving.contents import (
    FORMAT,
    LIST,
    VERSIONS,
    BackupError,
    Manifest,
    belongs,
    occupied,
)
from devstream_desktop.stream.bounds import check_json
from devstream_desktop.stream.text import clean

MAX_FILES = 100_000
MAX_BYTES = 16 << 30
"""Of all files together; a history is at most 2 GiB."""
_MAX_LIST = 32 << 20
_READ = 1 << 20
_STAGED = ".restore"
"""Folder of the home with what is not checked yet."""
_CHECKED = ".restore-checked"
"""The same folder, while its files are moved into the home."""
_KEYRING_S = 5.0
_Bytes = IO[bytes] | gzip.GzipFile


def restore(home: Home, file: Path) -> Manifest:
    """Make `home` what `file` holds. The caller holds the home.

    Raises:
        BackupError: there is something in the home already, or the file is no whole backup that
            this version can read. The home is then as it was.

    """
    try:
        # What a restore that was killed has left.
        _clear(home)
        if found := occupied(home):
            raise BackupError(
                f"{home.root} holds a node already ({found}); restore into a fresh folder with"
                " --home DIR, or move this one away first"
            )
        try:
            return _fill(home, file)
        finally:
            _clear(home)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        why = machine.reason(error) if isinstance(error, OSError) else str(error)
        raise BackupError(f"{file} cannot be restored: {why}; nothing is changed") from error


def _fill(home: Home, file: Path) -> Manifest:
    staged, checked = home.root / _STAGED, home.root / _CHECKED
    staged.mkdir(mode=0o700)
    made = _unpack(file, staged)
    _check(made, staged)
    names = [one.name for one in made.files]
    listed = msgspec.json.encode(names)
    _write(staged / LIST, io.BytesIO(listed), len(listed))
    staged.rename(checked)
    for name in names:
        target = home.root / name
        if target.parent != home.team:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            (checked / name).replace(target)
    # With its team, in one step, the home holds a node.
    if home.team.exists():
        home.team.rmdir()
    (checked / home.team.name).rename(home.team)
    return made


def _clear(home: Home) -> None:
    """Remove what is staged, and what came of it without its team."""
    staged, checked = home.root / _STAGED, home.root / _CHECKED
    shutil.rmtree(staged, ignore_errors=True)
    # In a home that has founded a team since, all of it is that team's.
    if (checked / home.team.name).exists() and not next(home.team.glob("*"), None):
        for name in msgspec.json.decode((checked / LIST).read_bytes(), type=list[str]):
            if not (checked / name).exists():
                (home.root / name).unlink(missing_ok=True)
        home.team.mkdir(mode=0o700, exist_ok=True)
    if checked.exists():
        # First its name, which says that files of the home are its own.
        checked.rename(staged)
        shutil.rmtree(staged, ignore_errors=True)


def still_sealed(home: Home) -> str:
    """Say why the secrets of a home do not open here; empty when they do."""
    try:
        vault = Vault.look(home, timeout_s=_KEYRING_S)
        for name in vault.names():
            vault.unseal(name)
    except VaultError as error:
        return str(error)
    return ""


def _unpack(file: Path, staged: Path) -> Manifest:
    """Write the members into `staged`, and return the list."""
    found, number, room = b"", 0, MAX_BYTES
    with gzip.open(file) as plain:
        while member := _next_member(plain):
            # A foreign path could lead anywhere.
            if not (belongs(member.name) or member.name == LIST):
                raise BackupError(f"{file} is no backup of devstream: it holds {member.name!r}")
            number, room = number + 1, room - member.size
            if number > MAX_FILES or room < 0:
                raise BackupError(f"{file} holds more than a backup can; nothing is changed")
            if member.name != LIST:
                _write(staged / member.name, plain, member.size)
            elif member.size <= _MAX_LIST:
                listed = io.BytesIO()
                _copy(plain, listed, member.size)
                found = listed.getvalue()
            else:
                break
            plain.read(-member.size % tarfile.BLOCKSIZE)
    try:
        check_json(found)
        return msgspec.json.decode(found, type=Manifest)
    # Bytes that nest too deeply, are no JSON or no UTF-8, or are no list.
    except ValueError:
        raise BackupError(f"{file} is not whole: its list is missing or unreadable") from None


def _next_member(plain: _Bytes) -> tarfile.TarInfo | None:
    """Read the header of the next plain file of bounded size; None after the last one.

    The archive is read block by block, because `tarfile` reads the headers of long names, of
    extended attributes and of sparse files whole into memory, and recurses from each into the next.

    Raises:
        BackupError: it is the header of something else.
        tarfile.TarError: it is no header.

    """
    block = plain.read(tarfile.BLOCKSIZE)
    if not block.strip(b"\0"):
        return None
    made = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    # A link could lead anywhere.
    if made.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise BackupError(
            f"the file is no backup of devstream: it holds {made.name!r}, which is no plain"
            " file; nothing is changed"
        )
    # A number of this format may be negative, and would make room.
    if not 0 <= made.size <= MAX_BYTES:
        raise BackupError("the file holds more than a backup can; nothing is changed")
    return made


def _write(path: Path, content: _Bytes, size: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A name that comes twice is no backup of ours.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _copy(content, file, size)
        file.flush()
        os.fsync(file.fileno())


def _copy(content: _Bytes, into: IO[bytes], size: int) -> None:
    while size:
        part = content.read(min(size, _READ))
        if not part:
            raise EOFError("it ends in the middle of a file")
        into.write(part)
        size -= len(part)


def _check(made: Manifest, staged: Path) -> None:
    maker = clean(made.devstream, 40)
    newer = f"it was made by devstream {maker}, which is newer; restore it with that one"
    if made.format > FORMAT:
        raise BackupError(newer)
    for name, version in made.versions.items():
        if name not in VERSIONS or version > VERSIONS[name]:
            raise BackupError(newer)
    listed = {one.name for one in made.files}
    held = {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}
    whole = listed == held and len(listed) == len(made.files)
    if not whole or not any(name.startswith("team/") for name in listed):
        raise BackupError("the backup is not whole: its list names other files than it holds")
    for one in made.files:
        with (staged / one.name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != one.digest:
                raise BackupError(f"the backup is damaged: {one.name} is not what was saved")
        if one.name in VERSIONS and (why := _damage(staged / one.name)):
            raise BackupError(f"{one.name} was damaged when it was saved: {why}")


def _damage(path: Path) -> str:
    return sqlite_file.damage(path, VERSIONS[path.name], frozenset())
