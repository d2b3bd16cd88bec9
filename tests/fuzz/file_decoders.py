"""The decoders of files that a person hands over: a backup of a home, and an export of lines."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from decoders import DEVICE, NOW, Decoder, events, shown

from devstream_desktop.cli import import_
from devstream_desktop.cli.output import day
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.node.saving.contents import FORMAT, LIST, BackupError, Manifest, Saved
from devstream_desktop.node.saving.restore import restore
from devstream_desktop.stream.event import decode_event
from devstream_desktop.stream.record import record
from devstream_desktop.stream.subject import Line, transition

FILES = {"settings.toml": b"[mesh]\ndiscovery = false\n", "team/policy.msgpack": bytes(40)}


def listed() -> bytes:
    """The list of a small backup."""
    files = [
        Saved(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in FILES.items()
    ]
    made = Manifest(FORMAT, "1.0", NOW, "ana", "acme", DEVICE, {}, files)
    return msgspec.json.encode(made)


def archived(contents: bytes) -> bytes:
    """A small backup with that list, not compressed."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in {**FILES, LIST: contents}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def restored(data: bytes) -> None:
    """Restore a file; the home is whole afterwards, or as it was."""
    with tempfile.TemporaryDirectory(prefix="devstream-") as folder:
        file, home = Path(folder, "file"), Home(Path(folder, "home"))
        file.write_bytes(data)
        home.root.mkdir()
        try:
            made = restore(home, file)
        except BackupError:
            assert not list(home.root.iterdir()), "something of a refused backup stays"
            raise
        day(made.made)
        for one in made.files:
            content = Path(home.root, one.name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == one.digest


def packed(make: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
    """A backup of which only one layer is hostile."""
    return lambda data: restored(gzip.compress(make(data), 1))


def exported() -> list[bytes]:
    """Records of each kind and state, one to a line."""
    lines = [
        Line(
            id=1,
            arrival=1,
            event=event,
            entry="00",
            received=NOW,
            device=DEVICE,
            author="ana",
            transition=transition(event.kind, event.state, "failed"),
            superseded=False,
            struck=False,
        )
        for event in map(decode_event, events())
    ]
    records = [msgspec.json.encode(record(line)) + b"\n" for line in lines]
    return [*records, b"".join(records[:3])]


def imported(data: bytes) -> None:
    """Read the lines of a file, and make events of them."""
    file = io.BytesIO(data)
    places, unreadable = import_._places(file, 0)
    assert len(places) + len(unreadable) <= data.count(b"\n") + 1
    for place in places:
        told = import_._read(file, place)
        assert told is not None, "a line that was read is read again"
        event = import_._event(told)
        if event is not None:
            shown(event)


def file_decoders() -> Iterator[Decoder]:
    """Each layer of a backup, and an export."""
    tar = archived(listed())
    yield Decoder("file of a backup", restored, [gzip.compress(tar)], (BackupError,), 1)
    yield Decoder("archive of a backup", packed(bytes), [tar], (BackupError,), 1)
    yield Decoder("list of a backup", packed(archived), [listed()], (BackupError,), 1)
    yield Decoder("lines of an export", imported, exported(), (DevstreamError,), 5)
