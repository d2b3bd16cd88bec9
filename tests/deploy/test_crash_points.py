"""kill -9 at every marked point of a deploy, and steps of the clock.

Never two runs; the state is known or `unknown`; the target is free afterwards. Each service is
killed where it differs from the others, one of them at every point. REPEATS=20 kills each at every
point, twenty times.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from crash_node import POINTS
from deploy_backends import NAMES, SECRETS, Place, be_impatient, make
from kubernetes_cluster import Cluster
from ssh_host import THERE, Host, ssh_host

from devstream_desktop.stream.event import encode_event

REPEATS = int(os.environ.get("REPEATS", "1"))
TELLING = ("before its answer", "after the start")
"""Points at which only the service knows whether it began."""
SERVED = [point for point in POINTS if "log" not in point]
CASES = [
    (name, point)
    for name in NAMES
    for point in SERVED
    if REPEATS > 1 or name == NAMES[0] or point in TELLING
]
AFAR = [point for point in POINTS if REPEATS > 1 or point in (*TELLING, "in the watch")]
"""Points for programs of this machine that reach out; the rest is as for any program."""
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9"),
    pytest.mark.process,
    pytest.mark.timeout(120),
]
STEPS_MS = (-180_000, 180_000, -86_400_000, 86_400_000)


@pytest.fixture(scope="session")
def host(tmp_path_factory) -> Iterator[Host | None]:
    """A host with an sshd; None without OpenSSH."""
    if not THERE:
        yield None
        return
    folder = tmp_path_factory.mktemp("host")
    folder.chmod(0o700)
    with ssh_host(folder) as made:
        yield made


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster that stays as it is, so that each run is seen to change it."""
    made = Cluster()
    made.apply = lambda _: None
    yield made
    made.close()


@pytest.fixture(scope="session")
def secrets(host, cluster) -> dict[str, str]:
    key = host.private if host is not None else ""
    return {**SECRETS, "KEY": key, "CONFIG": cluster.config}


@pytest.fixture(scope="session")
def nodes(secrets) -> Iterator[subprocess.Popen[str]]:
    """A process that starts nodes which end at a point; it has imported them once."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crash_node.py"))],
        env={**os.environ, **{f"TEST_{name}": value for name, value in secrets.items()}},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.communicate(timeout=20)


async def crash(nodes, room, event, point: str) -> None:
    """Run a node that ends at this point."""
    asked = json.dumps([str(room.home.root), encode_event(event).hex(), point])

    def end() -> str:
        nodes.stdin.write(f"{asked}\n")
        nodes.stdin.flush()
        return nodes.stdout.readline()

    async with asyncio.timeout(60):
        assert await asyncio.to_thread(end) == "-9\n"


async def recovered(room, event, **more):
    """The next node, which hears the request again; its word on it, None when it has none."""
    await room.start(**{"secret": SECRETS.get, "search_s": 0.05, **more})
    await room.ask(event)
    return await room.news.final(event.key)


async def is_free(room) -> bool:
    """Tell if the target takes another deploy to its end."""
    after = room.request()
    await room.ask(after)
    return (await room.news.final(after.key)).state == "success"


@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("point", POINTS)
async def test_a_program_of_this_machine(nodes, room, tmp_path, point, repeat):
    room.write(script=f'echo "$DEVSTREAM_REQUEST" >> {tmp_path}/ran; exit 3')
    event = room.request()
    await crash(nodes, room, event, point)
    done = await recovered(room, event)
    ran = tmp_path / "ran"
    runs = ran.read_text().count(event.key) if ran.exists() else 0
    assert runs <= 1
    assert done.state in ("failure", "error", "unknown"), done
    assert (done.state == "error") == (runs == 0), done
    begin_again(room)
    assert await is_free(room)
    assert [one.state for one in room.news.events if one.request == event.key][-1] == done.state


def begin_again(room) -> None:
    """Have the target be a program of this machine that ends well."""
    room.home.targets.unlink()
    room.write()


@pytest.mark.skipif(not THERE, reason="needs OpenSSH")
@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("point", AFAR)
async def test_a_command_on_another_host(nodes, room, host, secrets, tmp_path, point, repeat):
    command = f"echo $DEVSTREAM_REQUEST >> {tmp_path}/ran; exit 3"
    room.home.targets.write_text(
        '[target.shop.production]\nbackend = "ssh"\n[target.shop.production.ssh]\n'
        f'host = "127.0.0.1"\nport = {host.port}\nuser = "{getpass.getuser()}"\n'
        f"command = {json.dumps(command)}\n"
        f'host_key = "{host.host_key}"\nkey = "KEY"\n'
    )
    event = room.request()
    await crash(nodes, room, event, point)
    done = await recovered(room, event, secret=secrets.get)
    ran = tmp_path / "ran"
    runs = ran.read_text().count(event.key) if ran.exists() else 0
    assert runs <= 1
    assert done.state in ("failure", "error", "unknown"), done
    assert (done.state == "error") == (runs == 0), done
    begin_again(room)
    assert await is_free(room)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("point", AFAR)
async def test_a_cluster_that_is_rolled_out(nodes, room, cluster, secrets, tmp_path, point, repeat):
    cluster.patches.clear()
    room.home.targets.write_text(
        f'[target.shop.production]\nbackend = "kubernetes"\nenv = {{HOME = "{tmp_path}"}}\n'
        "[target.shop.production.kubernetes]\n"
        'namespace = "shop"\nworkload = "deployment/shop"\ncontainer = "app"\n'
        'image = "registry.example.com/shop:{sha}"\nkubeconfig = "CONFIG"\n'
    )
    event = room.request()
    await crash(nodes, room, event, point)
    done = await recovered(room, event, secret=secrets.get)
    runs = sum("containers" in json.dumps(one) for one in cluster.patches)
    assert runs <= 1
    assert done.state in ("success", "error", "unknown"), done
    assert (done.state == "error") == (runs == 0), done
    begin_again(room)
    assert await is_free(room)


@pytest.fixture
async def place(name, sha) -> AsyncIterator[Place]:
    made = await asyncio.to_thread(make, name, sha)
    yield made
    await asyncio.to_thread(made.service.close)


@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize(("name", "point"), CASES)
async def test_a_service_that_loses_answers(nodes, room, place, monkeypatch, point, repeat):
    be_impatient(monkeypatch, place, 0.3)
    place.write(room)
    place.service.faults = ["lost"] if point == "after the start" else []
    event = room.request()
    await crash(nodes, room, event, point)
    place.service.states = ["success"]
    done = await recovered(room, event, backends=place.backends)
    runs = [run for run in place.service.runs if event.key in str(run)]
    assert len(runs) <= 1
    assert done.state in ("success", "error", "unknown"), done
    # Never said to be done without a run, nor free of one that there is.
    assert done.state != "success" or runs
    assert done.state != "error" or not runs
    assert not runs or done.state == "success"
    assert await is_free(room)


@pytest.mark.parametrize("step", STEPS_MS)
async def test_steps_of_the_clock_end_no_run_and_begin_none(room, gate, step):
    room.write(script=f"{gate.script}; exit 4", more="timeout_s = 600")
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await gate.reached()
    room.clock.ms += step
    await deploys.stop(patience_s=0.05)
    await room.start()
    await room.ask(event)
    await gate.open()
    done = await room.news.final(event.key)
    assert (done.state, done.reason) == ("failure", "exit 4")
    assert done.duration >= 0
    assert room.news.states(event.key) == ["in_progress", "failure"]


@pytest.mark.parametrize("step", STEPS_MS)
async def test_a_request_of_another_time_runs_nothing(room, step):
    room.write()
    await room.start()
    event = room.request()
    room.clock.ms += step
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "refused"
    assert not room.log(event).exists()
