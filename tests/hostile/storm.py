"""Strangers at a port, as a program: `storm.py HOST:PORT SECONDS CERTIFICATE.pem KIND=THREADS...`,
each thread again and again.

Prints how many connections it made. It has a process of its own, so that it competes with the node
for nothing but the machine.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

KINDS = (
    "silent",
    "half",
    "greeting",
    "garbage",
    "record",
    "records",
    "plain",
    "endless",
    "slow",
    "bare",
    "foreign",
)
POSTS = ("post", "small post", "announce", "unended", "advance", "half a head")
"""At a receiver of webhooks; the others are at a port that speaks TLS."""
HELD = 400
"""Connections that one thread leaves open; then its oldest ends."""
PATIENCE_S = 3
RECORD = bytes.fromhex("16030102000100 01fc0303")
"""Begins like a ClientHello."""


def client_hello() -> bytes:
    """A real one."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _context(None).wrap_bio(incoming, outgoing, server_hostname="peer.devstream.invalid")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def head(length: int) -> bytes:
    """Of a delivery that nobody signed."""
    signature = f"x-hub-signature-256: sha256={'0' * 64}"
    head = f"POST /in/gh HTTP/1.1\r\nhost: x\r\n{signature}\r\n"
    return f"{head}content-length: {length}\r\n\r\n".encode()


def _context(certificate: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


class Storm:
    """The strangers of one run.

    Each kind takes a fresh connection and says whether it stays open.
    """

    def __init__(self, address: str, seconds: float, certificate: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._until = time.monotonic() + seconds
        self._bare, self._foreign = _context(None), _context(certificate or None)
        self._hello = client_hello()
        self.made = 0
        ways: tuple[Callable[[socket.socket], bool], ...] = (
            lambda _: True,
            lambda one: self._say(one, self._hello[:200]),
            lambda one: self._say(one, self._hello),
            lambda one: not self._say(one, os.urandom(600)),
            lambda one: not self._say(one, RECORD + os.urandom(507)),
            lambda one: self._say(one, RECORD + os.urandom(507)),
            lambda one: not self._say(one, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
            self._endless,
            self._slow,
            lambda one: self._tls(one, self._bare),
            lambda one: self._tls(one, self._foreign),
        )
        posts: tuple[Callable[[socket.socket], bool], ...] = (
            lambda one: self._post(one, 5 << 20),
            lambda one: self._post(one, 100),
            lambda one: self._say(one, head(5 << 20) + b"{"),
            lambda one: self._say(one, head(5 << 20) + bytes((5 << 20) - 1)),
            lambda one: self._say(one, head(0) * 1000),
            lambda one: self._say(one, head(0)[:40]),
        )
        self._ways = dict(zip((*KINDS, *POSTS), (*ways, *posts), strict=True))

    def run(self, kind: str) -> None:
        """One thread's work."""
        held: deque[socket.socket] = deque()
        while time.monotonic() < self._until:
            try:
                one = socket.create_connection(self._address, PATIENCE_S)
            except OSError:
                time.sleep(0.01)
                continue
            self.made += 1
            stays = False
            with contextlib.suppress(OSError):
                stays = self._ways[kind](one)
            if stays:
                held.append(one)
                if len(held) > HELD:
                    held.popleft().close()
            else:
                one.close()
        for one in held:
            one.close()

    @staticmethod
    def _say(one: socket.socket, content: bytes) -> bool:
        one.sendall(content)
        return True

    @staticmethod
    def _post(one: socket.socket, size: int) -> bool:
        one.sendall(head(size) + bytes(size))
        one.recv(4096)
        return False

    def _endless(self, one: socket.socket) -> bool:
        while time.monotonic() < self._until:
            one.sendall(bytes(65_536))
        return False

    def _slow(self, one: socket.socket) -> bool:
        for byte in self._hello:
            if time.monotonic() >= self._until:
                break
            one.sendall(bytes([byte]))
            time.sleep(random.uniform(0, 0.2))
        return True

    @staticmethod
    def _tls(one: socket.socket, context: ssl.SSLContext) -> bool:
        with context.wrap_socket(one, server_hostname="peer.devstream.invalid") as secure:
            secure.sendall(b"\0SP\0\0\x30\0\0" + bytes(64))
            secure.recv(1)
        return False


def main(address: str, seconds: str, certificate: str, *crowds: str) -> None:
    storm = Storm(address, float(seconds), certificate)
    threads = []
    for crowd in crowds:
        kind, _, count = crowd.partition("=")
        threads += [
            threading.Thread(target=storm.run, args=(kind,), daemon=True) for _ in range(int(count))
        ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(float(seconds) + 3 * PATIENCE_S)
    sys.stdout.write(f"{storm.made}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
