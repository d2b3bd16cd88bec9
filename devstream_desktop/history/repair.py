"""Opening of a history that may be damaged.

Damage is found, the file is set aside, a new one begun, and what is genuine in the old one saved
into it.

The rest comes from the peers. The new database starts a new epoch, so no number is given twice,
whatever the old one had forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from devstream_desktop.control import history_words
from devstream_desktop.history.database import HistoryError, damage_mark, friendly, is_damage
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.integrity import DAMAGED, problems
from devstream_desktop.history.log import History
from devstream_desktop.history.salvage import Refusal, Verify, salvage
from devstream_desktop.private_file import write_private

_KEPT = 2
"""Damaged databases that are kept."""


class _Note(msgspec.Struct, frozen=True):
    """The memory of a start that saves databases, should it be stopped."""

    asides: tuple[str, ...]
    why: str
    epoch: str = ""
    stored: int = 0


@dataclass(frozen=True)
class Mended:
    """The damage of a history, and its outcome."""

    why: str
    saved: int = 0
    """Events found in the damaged file."""
    lost: int = 0
    """Events that this device surely wrote and that are not here."""
    aside: str = ""
    """The damaged file's new name; empty when the file itself was whole."""

    def sentence(self, *, alone: bool) -> str:
        """For a person. `alone`: no other device can have what is lost."""
        told = [self.why]
        if self.aside:
            saved = history_words.SAVED if alone else history_words.SAVED_PEERS
            told = [saved.format(cause=self.why, count=f"{self.saved:,}")]
        if self.lost:
            lost = history_words.LOST if alone else history_words.LOST_HERE
            told.append(lost.format(count=f"{self.lost:,}"))
        if self.aside:
            told.append(history_words.KEPT_AS.format(file=self.aside))
        return "; ".join(told)


def open_sound(
    path: Path, mirror: FeedMirror, device: bytes, team: str, verify: Verify, refusal: Refusal
) -> tuple[History, Mended | None]:
    """Open the history at `path`, whole, and say what was wrong.

    That is None when nothing was.

    Raises:
        HistoryError: it is from a newer version, or the disk is full.
    """
    epoch, stored = mirror.stored
    note, why = _read_note(path), _trouble(path)
    if not why:
        try:
            history = History(path, mirror, device, team)
        except HistoryError as error:
            if not is_damage(error):
                raise
            why = str(error.__cause__ or error)
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            why = history_words.NOT_READ.format(reason=error)
    if why:
        aside = f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
        if note is None:
            note = _Note((aside,), why, epoch.hex(), stored)
        else:
            note = msgspec.structs.replace(note, asides=(*note.asides, aside), why=why)
        with friendly(path):
            write_private(_note(path), msgspec.json.encode(note))
            _set_aside(path, path.with_name(aside))
            damage_mark(path).unlink(missing_ok=True)
        history = History(path, mirror, device, team)
    try:
        if note is not None:
            return history, _save(history, note, team, verify, refusal)
        lost = history.lacking(epoch, stored)
    except BaseException:
        history.close()
        raise
    return history, Mended(history_words.LACKS_OWN, lost=lost) if lost else None


def _save(history: History, note: _Note, team: str, verify: Verify, refusal: Refusal) -> Mended:
    """Take what damaged databases hold into the new one; the note of it goes last."""
    path = history.path
    saved = sum(
        salvage(path.with_name(name), history, team, verify, refusal) for name in note.asides
    )
    with friendly(path):
        _note(path).unlink()
        _prune(path)
    lost = history.lacking(bytes.fromhex(note.epoch), note.stored)
    return Mended(note.why, saved, lost, note.asides[-1])


def _trouble(path: Path) -> str:
    """Look for damage as long as a start can wait; empty when there is none."""
    if damage_mark(path).exists():
        return history_words.FAILED
    found = (one for one in problems(path, brief=True) if one.startswith(DAMAGED))
    return next(found, "").removeprefix(DAMAGED)


def _set_aside(path: Path, aside: Path) -> None:
    """Rename the database and what belongs to it, itself last."""
    for suffix in ("-wal", "-shm", ""):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.replace(aside.with_name(aside.name + suffix))


def _prune(path: Path) -> None:
    """Keep the newest damaged databases alone."""
    for file in _asides(path)[:-_KEPT]:
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


def _asides(path: Path) -> list[Path]:
    return sorted(
        file
        for file in path.parent.glob(f"{path.name}.damaged-*")
        if not file.name.endswith(("-wal", "-shm"))
    )


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.salvage")


def _read_note(path: Path) -> _Note | None:
    """Read what a start was doing that was stopped.

    Where that cannot be read, the newest damaged file is saved once more.
    """
    try:
        with friendly(path):
            return (
                msgspec.json.decode(_note(path).read_bytes(), type=_Note)
                if _note(path).exists()
                else None
            )
    except (ValueError, RecursionError):
        return _Note(tuple(file.name for file in _asides(path)[-1:]), history_words.MENDING_STOPPED)
