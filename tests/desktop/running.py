"""A test's hand on the processes it runs: the fake node, and the real app."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_node
import msgspec
import pynng

from devstream_desktop.control.server_wire import decode_request
from devstream_desktop.stream.event import encode_event

HERE = Path(__file__).parent


class Node:
    """The test's hand on a fake node."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(HERE / "fake_node.py"), str(self.home)]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command)
        self.order()
        assert self.process.poll() is None

    def order(self, **orders):
        """Have the node do something; what it was asked so far comes back."""
        message = msgspec.msgpack.encode(fake_node.Orders(**orders))
        with pynng.Req0(
            send_timeout=8_000, recv_timeout=8_000, reconnect_time_min=20, reconnect_time_max=50
        ) as socket:
            socket.dial(f"ipc://{self.home / 'fake'}", block=False)
            socket.send(message)
            if "exit" in orders:
                time.sleep(0.1)  # nng sends in its own time, and nothing answers
                return None
            return msgspec.msgpack.decode(socket.recv(), type=fake_node.Had)

    def add(self, *events, age: int = 0):
        return self.order(events=[encode_event(event) for event in events], age=age)

    def requests(self, kind: type) -> list:
        return [
            request
            for data in self.order().requests
            if isinstance(request := decode_request(data), kind)
        ]

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(5)


class DeskProcess:
    """A running desk."""

    def __init__(self, process: subprocess.Popen[str], env: dict[str, str]) -> None:
        self.process, self.env = process, env

    def xdo(self, *arguments: str) -> str:
        return subprocess.run(
            ["xdotool", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        ).stdout.strip()

    def wait_window(self, title: str, timeout: float = 30) -> str:
        """The id of a window that is shown, by a pattern for its title."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = self.windows(title)
            if found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"no window {title!r}")

    def press(self, window: str, *keys: str) -> None:
        self.xdo("windowfocus", "--sync", window)
        self.xdo("key", *keys)

    def windows(self, title: str) -> list[str]:
        return self.xdo("search", "--onlyvisible", "--name", title).split()

    def end(self, number: int = signal.SIGTERM, timeout: float = 5) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout)
