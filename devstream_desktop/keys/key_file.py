"""The sealing key of a node without a keyring.

A private file, or a credential that systemd hands over.
"""

from __future__ import annotations

import base64
import binascii
import os
import shlex
import stat
import sys
import tempfile
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.keys.errors import ExposedKeyError, VaultError
from devstream_desktop.language import _

KEY_BYTES = 32
_MAX_FILE = 256


def read(path: Path, *, trusted: bool = False) -> bytes:
    """Return the 32-byte key in `path`: the bytes themselves, or their base64.

    A file of ours must belong to this user and be closed to all others. `trusted` leaves that out:
    systemd guards its credentials by an access list that plain mode bits show wrongly
    (https://systemd.io/CREDENTIALS).

    Raises:
        VaultError: it cannot be read, others can read it, or it holds no key.

    """
    try:
        with path.open("rb") as file:
            if not trusted:
                _check_private(path, os.fstat(file.fileno()))
            content = file.read(_MAX_FILE)
    except OSError as error:
        said = _("the key file {path} cannot be read: {reason}")
        raise VaultError(said.format(path=path, reason=machine.reason(error))) from error
    return decode(content, _("the key file {path}").format(path=path))


def make(path: Path) -> bytes:
    """Return a new key in `path` (0600); when another process was first, the key that it made.

    Raises:
        VaultError: the file cannot be made.

    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(encode(os.urandom(KEY_BYTES)).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            # A link appears whole and never replaces: two nodes that share the file and start
            # together agree.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        said = _("the key file {path} cannot be made: {reason}")
        raise VaultError(said.format(path=path, reason=machine.reason(error))) from error
    return read(path)


def encode(key: bytes) -> str:
    """Return the text form of a key: base64, 44 characters."""
    return base64.b64encode(key).decode()


def decode(content: bytes, where: str) -> bytes:
    """Return the key in `content`, raw or base64; `where` names the place for the error.

    Raises:
        VaultError: it is no key.

    """
    key = content
    # 32 bytes are the key itself; anything else may be its base64.
    if len(content) != KEY_BYTES:
        try:
            key = base64.b64decode(content.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
    if len(key) != KEY_BYTES:
        said = _(
            "{place} holds no key (32 bytes, or their base64), and without it no secret of this"
            " home opens: restore it from a backup, or join again with a fresh --home"
        )
        raise VaultError(said.format(place=where))
    return key


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise VaultError(_("the key file {path} is not a regular file").format(path=path))
    # Mode bits say nothing there; the profile's folder is the person's own.
    if sys.platform == "win32":
        return
    # Whoever owns the file can change its mode and read the key.
    if status.st_uid != os.geteuid():
        said = _("the key file {path} belongs to another user; give it to this one: {command}")
        raise VaultError(said.format(path=path, command="chown"))
    if stat.S_IMODE(status.st_mode) & 0o077:
        close = f"chmod 600 {shlex.quote(str(path))}"
        said = _("the key file {path} can be read by others; close it: {command}")
        raise ExposedKeyError(said.format(path=path, command=close))
