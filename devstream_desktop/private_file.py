"""Files of one owner: replaced whole or not at all, and set aside when they cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ASIDE = ".unreadable"
"""Ending of an unreadable file that was set aside."""


def read_kept(path: Path, kind: type[T]) -> T | None:
    """Read the JSON that the node keeps in `path`.

    None where there is nothing, or nothing that can be read.

    What cannot be read is set aside beside it, so that it is begun anew and somebody can look into
    it.
    """
    # Late: who writes needs none of it.
    import msgspec

    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError:
        return None  # gone, or out of reach for now: no word about what is in it
    except (ValueError, RecursionError):
        set_aside(path)
        return None


def set_aside(path: Path) -> None:
    """Rename a file that cannot be read; the one set aside before goes."""
    with suppress(OSError):
        path.replace(path.with_name(path.name + ASIDE))


def write_private(path: Path, content: bytes | Iterable[bytes], *, durable: bool = True) -> None:
    """Replace a file whole or not at all.

    A large content may come in pieces, of which one at a time is in memory. The file is readable by
    the owner alone; with `durable`, it is on disk when this returns.

    Raises:
        OSError: the disk is full or the folder is gone; the old file is then still there.
    """
    import tempfile

    # Beside the file, so that replacing it is one step of one disk.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
