"""Somebody who says things at one node all the time, and writes down, on the disk, what the node
acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from pathlib import Path

from cluster import Node

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.stream import Emit

PAUSE_S = (0.3, 1.7)
MAX_AHEAD_MS = 600_000
"""The most that an emitter's clock may be ahead.

The others keep out what is stamped further ahead until its time, so it is not said in a run of
minutes.
"""


class Emitter:
    """Emits at one node until it is stopped."""

    def __init__(self, node: Node, path: Path, rng: random.Random) -> None:
        self.node, self.path = node, path
        self.silence = threading.Lock()
        """Whoever has it, changes the node's clock while nothing is being said."""
        self.unanswered = 0
        self._rng = rng
        self._client: Client | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._said = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Say nothing more."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(30)
        self._disconnect()

    def say(self) -> bool:
        """Emit one event; whether the node acknowledged it. If not, it may be there or not."""
        at = time.time_ns() // 1_000_000 + self.node.offset_ms
        self._said += 1
        about = f"{self.node.name}/{self._said}"
        try:
            if self._client is None:
                self._client = Client(self.node.home.control_url(), timeout_ms=5000)
            key = self._client.ask(
                Emit(kind="claim", state="claimed", service="shop", subject=about, title=about)
            ).text
        except ControlError:
            self.unanswered += 1
            self._disconnect()
            return False
        with self.path.open("a") as file:
            file.write(json.dumps({"node": self.node.name, "key": key, "at": at}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return True

    def _run(self) -> None:
        while not self._stop.wait(self._rng.uniform(*PAUSE_S)):
            with self.silence:
                if self.node.offset_ms < MAX_AHEAD_MS:
                    self.say()

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
