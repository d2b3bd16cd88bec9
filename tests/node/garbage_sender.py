"""A sender of one source that posts bodies of garbage as fast as it is answered.

`garbage_sender.py URL COUNT CONNECTIONS`. Ends with a line that counts the answers by status.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit


def bodies(rng: random.Random) -> Iterator[bytes]:
    """Bodies without end, of any sort: none is known by a rule."""
    deep = b'{"a":' * 60 + b"1" + b"}" * 60
    while True:
        name, text = f"f{rng.randrange(10**6)}", "x" * rng.randrange(2000)
        yield json.dumps({name: text, "list": [{name: number} for number in range(40)]}).encode()
        yield json.dumps({"status": "odd", "build": {name: [text, None, 1e300]}}).encode()
        yield deep
        yield rng.randbytes(500)
        yield b'{"a": ' + text.encode()
        yield b"[" * 5000


def send(url: str, count: int, seed: int, answers: Counter[int]) -> None:
    """Post a share of them over one connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    for _, body in zip(range(count), bodies(random.Random(seed)), strict=False):
        connection.request("POST", parts.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        answers[answer.status] += 1


def main(url: str, count: int, connections: int) -> None:
    """Post them all."""
    answers: Counter[int] = Counter()
    threads = [
        threading.Thread(target=send, args=(url, count // connections, seed, answers))
        for seed in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
