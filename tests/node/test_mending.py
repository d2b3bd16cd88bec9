"""A home that was damaged, copied or killed.

The node mends it by itself and says so, and the team's history stays one.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from pathlib import Path

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.stream import Emit, SetDuty
from devstream_desktop.history.database import damage_mark
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.home import MEANINGS
from devstream_desktop.node import upkeep
from devstream_desktop.node.upkeep import Upkeep

pytestmark = pytest.mark.process


def emit(desk, title: str) -> str:
    with Client(desk.home.control_url()) as client:
        return client.ask(Emit(kind="build", state="failed", service="shop", title=title)).text


def set_duty(desk, *, on: bool) -> None:
    with Client(desk.home.control_url()) as client:
        client.ask(SetDuty(on=on))


def duties(desk) -> int:
    return len([line for line in desk.lines() if line.event.kind == "duty"])


def test_a_damaged_history_is_set_aside_and_filled_again(world, until) -> None:
    ana, bob = world.team("bob")
    facts = {emit(ana, f"fact {number}") for number in range(20)}
    set_duty(bob, on=False)
    until("both have everything", lambda: facts <= bob.facts() and bob.facts() == ana.facts())
    everything = bob.facts()
    bob.stop()
    size = bob.home.history.stat().st_size
    with bob.home.history.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 8192))
    facts.add(emit(ana, "said meanwhile"))
    bob.start()
    until("bob has everything again", lambda: everything | facts <= bob.facts())
    (notice,) = [notice for notice in bob.status().notices if "damaged" in notice]
    assert (
        "the rest comes from the peers; the damaged file is kept as history.sqlite.damaged-"
        in notice
    )
    set_duty(bob, on=True)
    until("what bob says arrives", lambda: bob.facts() == ana.facts())
    bob.stop()
    bob.start()
    assert bob.status().notices == ()


def test_a_member_whose_tls_key_is_damaged_has_another_from_an_issuer_and_is_linked_again(
    world, until
) -> None:
    ana, bob = world.team("bob")
    until("they are linked", lambda: bob.status().peers)
    bob.stop()
    sealed = bob.home.secrets / "tls.sealed"
    sealed.write_bytes(b"\xa5" * sealed.stat().st_size)
    told = bob.begin("doctor").communicate(timeout=60)[0]
    assert "the key of this device's certificate is damaged" in told
    bob.start("--peer", ana.ready["mesh"])
    title = "said after the damage"
    emit(ana, title)
    until("what ana says comes", lambda: any(line.event.title == title for line in bob.lines()))
    assert [notice for notice in bob.status().notices if "certificate" in notice] == [
        (
            "tls.sealed could not be read, and was set aside as tls.sealed.unreadable:"
            f" {MEANINGS['tls.sealed']}"
        )
    ]
    (bob.home.secrets / "tls.sealed.unreadable").unlink()
    assert bob.status().notices == ()


def test_a_copied_home_and_its_original_both_speak_and_are_heard(world, until) -> None:
    ana, bob = world.team("bob")
    set_duty(bob, on=False)
    until("ana knows bob's word", lambda: ana.facts() == bob.facts())
    bob.stop()
    twin = world.desk("twin")
    twin.environment["DEVSTREAM_KEY_FILE"] = bob.environment["DEVSTREAM_KEY_FILE"]
    shutil.copytree(bob.home.root, twin.home.root)
    bob.start()
    twin.start()
    epochs = {json.loads(desk.home.feed_mirror.read_text())["epoch"] for desk in (bob, twin)}
    assert len(epochs) == 2
    set_duty(bob, on=True)
    set_duty(twin, on=True)
    until("ana has heard both", lambda: duties(ana) == 3)
    for desk in (bob, twin):
        # A link compares what both sides have when it begins.
        desk.stop()
        desk.start()
    until("all agree", lambda: ana.facts() == bob.facts() == twin.facts())
    assert all(
        "twice" not in notice for desk in (ana, bob, twin) for notice in desk.status().notices
    )


def test_a_node_killed_while_it_writes_has_what_it_acknowledged(world, until) -> None:
    ana, bob = world.team("bob")
    acknowledged: set[str] = set()
    for life in range(4):
        with Client(ana.home.control_url()) as client:
            for number in range(30):
                answer = client.ask(
                    Emit(kind="build", state="failed", service="shop", title=f"{life} {number}")
                )
                acknowledged.add(answer.text)
        ana.stop(signal.SIGKILL)
        ana.start("--intake", "127.0.0.1:0")
        assert acknowledged <= ana.facts()
    until("bob has everything", lambda: acknowledged <= bob.facts())
    assert bob.facts() == ana.facts()


async def none(_: int) -> int:
    return 0


async def nothing() -> None:
    pass


async def test_damage_found_while_the_node_runs_starts_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "TEND_S", 0.01)
    monkeypatch.setattr(upkeep, "_FIRST_CHECK_S", 0.0)
    path = tmp_path / "history.sqlite"
    history = History(path, FeedMirror(tmp_path / "feed.json"), bytes(32), "team")
    history.checkpoint()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * 4)
    restarted = asyncio.Event()
    care = asyncio.create_task(
        Upkeep(history, fit=nothing, restart=restarted.set, minutely=nothing).run()
    )
    await asyncio.wait_for(restarted.wait(), 10)
    care.cancel()
    await asyncio.wait([care])
    assert damage_mark(path).exists()
    history.close()
