"""Refusals of a machine, in words and with what to do.

No room, no file descriptor, no permission, a disk that fails.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from devstream_desktop.language import N_, _

NO_DESCRIPTOR = N_(
    "this process has no file descriptor left; let it have more (ulimit -n, or "
    "LimitNOFILE= in its systemd unit), or end what holds them"
)
NO_DESCRIPTOR_HERE = N_(
    "this machine has no file descriptor left; end what holds them, or raise fs.file-max"
)
FULL = N_("the disk is full; free some space")
_NO_ROOM_BYTES = 64 << 10
_SHORT = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: N_("this user's share of the disk is used up; free some space"),
    errno.EMFILE: NO_DESCRIPTOR,
    errno.ENFILE: NO_DESCRIPTOR_HERE,
    errno.EROFS: N_(
        "the disk is mounted read-only; mount it writable, or choose another with --home"
    ),
    errno.EIO: N_("the disk fails; look at it, and have a copy of what is on it"),
    errno.ENOMEM: N_("no memory is left; end what uses it"),
}
_BY_CODE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: _SHORT[errno.EIO],
    sqlite3.SQLITE_NOMEM: _SHORT[errno.ENOMEM],
    sqlite3.SQLITE_BUSY: N_("another program has it open; end that"),
    sqlite3.SQLITE_LOCKED: N_("another program has it open; end that"),
    sqlite3.SQLITE_READONLY: N_("it may not be written; give it to this user: chown, chmod u+rw"),
    sqlite3.SQLITE_PERM: N_("it may not be used; give it to this user: chown, chmod u+rw"),
    sqlite3.SQLITE_CANTOPEN: N_(
        "it cannot be opened; give it and its folder to this user: chown, chmod u+rw"
    ),
    sqlite3.SQLITE_INTERRUPT: N_("it took too long"),
}


def reason(error: OSError | sqlite3.Error, path: Path | None = None) -> str:
    """Name the refusal, with what to do; `path` where the error names none."""
    if isinstance(error, OSError):
        where = Path(error.filename) if isinstance(error.filename, str) else path
        # The file is named, because the advice is about it.
        if error.errno in (errno.EACCES, errno.EPERM) and where is not None:
            said = _("{path} may not be used by this user; give it to this user: chown, chmod u+rw")
            return said.format(path=where)
        return shortage(error) or error.strerror or str(error)
    code = _code(error)
    short = ""
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        # SQLite keeps the system's word for itself, so the system is asked once more.
        short = _short_of_descriptors() or (_short_of_room(path) if path is not None else "")
    return short or (_(_BY_CODE[code]) if code in _BY_CODE else str(error))


def shortage(error: OSError) -> str:
    """Name a shortage, without any path of this machine; empty for another error."""
    return _(_SHORT.get(error.errno or 0, ""))


def is_full(error: OSError | sqlite3.Error, path: Path) -> bool:
    """Tell whether there was no room on the disk of `path`."""
    return reason(error, path) in (_(FULL), _(_SHORT[errno.EDQUOT]))


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an opening failed for the content of the file."""
    return hasattr(error, "sqlite_errorcode") and not of_machine(error)


def is_corrupt(error: sqlite3.Error) -> bool:
    """Tell whether SQLite found that the file is not what it wrote."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def of_machine(error: sqlite3.Error) -> bool:
    """Tell whether SQLite's error is about the machine, not the file."""
    return _code(error) in _BY_CODE


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary code; 0 for an error of the sqlite3 module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _short_of_descriptors() -> str:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return shortage(error)
    return ""


def _short_of_room(path: Path) -> str:
    """Look for room: without it SQLite tells of an I/O error."""
    # Late, because it brings three compressions.
    import shutil

    try:
        return _(FULL) if shutil.disk_usage(path.parent).free < _NO_ROOM_BYTES else ""
    except OSError:
        return ""
