"""One node as a program: reads its credentials and an optional line to publish from stdin, prints
what it hears until stdin ends.

stdin: one JSON object {"seed", "team", "ca", "certificate", "key", "home", "listen", "peers",
"discovery"}; then a line for each event. stdout: `ready HOST:PORT`, then `heard TITLE` for each
foreign event, `status JSON` when asked with a line `?`, and `bye` at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.mesh.service import Credentials, Identity, Mesh, Network
from devstream_desktop.stream.entry import Entry, device_id
from devstream_desktop.stream.event import decode_event, encode_event, fact_key, make_event
from devstream_desktop.stream.words import Kind


class NoPolicies:
    def version(self) -> int:
        return 0

    def documents(self, after_version: int, *, again: bool = False) -> list[bytes]:
        return []

    def absorb(self, documents: list[bytes]) -> bool:
        return False


class Everybody:
    """A membership that everybody has."""

    def gate(self, device: str) -> None:
        return None

    def is_author(self, key: bytes) -> bool:
        return True

    def ended(self, feed: bytes) -> None:
        return None

    def refusal(self, entry: Entry) -> None:
        return None


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def event(title: str) -> bytes:
    key = fact_key("hosts", Kind.CHANGE, title)
    return encode_event(
        make_event(
            kind=Kind.CHANGE,
            state="pushed",
            service="shop",
            subject="change/shop/main",
            key=key,
            time=1_700_000_000_000,
            title=title,
        )
    )


async def main() -> None:
    given = json.loads(sys.stdin.readline())
    signing = SigningKey(bytes.fromhex(given["seed"]))
    public = bytes(signing.verify_key)
    home = Path(given["home"])
    history = History(
        home / "history.sqlite", FeedMirror(home / "feed.json"), public, given["team"]
    )

    def hear(entries: list[Entry]) -> None:
        for entry in entries:
            if entry.device != device_id(public):
                say("heard", decode_event(entry.payload).title)

    mesh = Mesh(
        store=history,
        identity=Identity(
            device_id(public),
            given["team"],
            lambda message: signing.sign(message).signature,
            verify,
        ),
        membership=Everybody(),
        credentials=Credentials(given["ca"], given["certificate"], given["key"]),
        policies=NoPolicies(),
        retention_ms=30 * 86_400_000,
        clock=lambda: time.time_ns() // 1_000_000,
        on_entries=hear,
        network=Network(
            given["listen"], given.get("peers", []), discovery=given.get("discovery", False)
        ),
    )
    say("ready", await mesh.start())
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().rstrip("\n"):
        if line == "?":
            say("status", msgspec.json.encode(mesh.status()).decode())
        else:
            await mesh.publish([event(line)])
    await mesh.stop()
    history.close()
    say("bye")


if __name__ == "__main__":
    asyncio.run(main())
