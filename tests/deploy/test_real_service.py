"""A real repository, a real service and the executor: what is deployed is what answers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest
from real_git import commit, git

from devstream_desktop.deploy.request import Action

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="a POSIX script"),
]
SERVICE = """
import http.server, json, pathlib
version = pathlib.Path("version.txt").read_text().strip()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked", flush=True)
        body = json.dumps({"version": version}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

import sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SCRIPT = """
set -eu
root={root}
mkdir -p "$root"
rm -rf "$root/$DEVSTREAM_SHA"
git clone -q {repository} "$root/$DEVSTREAM_SHA"
cd "$root/$DEVSTREAM_SHA"
git checkout -q "$DEVSTREAM_SHA"
if [ -f "$root/pid" ]; then kill "$(cat "$root/pid")" || true; fi
{python} service.py {port} &
echo $! > "$root/pid"
for _ in $(seq 100); do
    if {python} -c 'import socket, sys; socket.create_connection(("127.0.0.1", {port}))' \
        2> /dev/null; then echo "$DEVSTREAM_SHA answers"; exit 0; fi
    sleep 0.1
done
echo it does not answer
exit 1
"""


def version_at(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return str(json.load(answer)["version"])


def end(pid: Path) -> None:
    """End the service that still runs."""
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.fixture
def shop(tmp_path):
    """A repository with two versions of a service."""
    repository = tmp_path / "shop"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    (repository / "service.py").write_text(SERVICE)
    shas = []
    for version in ("1.0", "2.0"):
        (repository / "version.txt").write_text(version)
        git(repository, "add", "-A")
        shas.append(commit(repository, f"Version {version}"))
    return repository, shas


async def test_deployed_replaced_and_rolled_back(room, tmp_path, shop):
    repository, (old, new) = shop
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = tmp_path / "running"
    room.write(
        script=SCRIPT.format(root=root, repository=repository, python=sys.executable, port=port),
        more="rollback_locks = false",
    )
    await room.start()
    try:
        for sha, version, action in (
            (old, "1.0", Action.DEPLOY),
            (new, "2.0", Action.DEPLOY),
            (old, "1.0", Action.ROLLBACK),
        ):
            event = room.request(sha=sha, action=action)
            await room.ask(event)
            done = await room.news.final(event.key)
            assert (done.state, done.reason) == ("success", "")
            assert await asyncio.to_thread(version_at, port) == version
            # The service that it left running is none of the run's any more.
            assert room.deploys.status().running == ()
            assert room.log(event).read_text() == f"{sha} answers\n"
        await room.deploys.stop()
        # It outlives the node, and what it prints then harms nobody.
        for _ in range(20):
            assert await asyncio.to_thread(version_at, port) == "1.0"
        assert room.log(event).read_text() == f"{old} answers\n"
    finally:
        end(root / "pid")
