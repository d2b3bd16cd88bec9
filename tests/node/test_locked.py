"""A node whose keyring is locked: it says so, asks nobody twice, and goes on by itself.

With a real keyring that has no screen.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import ControlError, NoNodeError
from devstream_desktop.control.messages.members import GetMembers
from devstream_desktop.control.messages.status import Status, Unlock
from devstream_desktop.control.messages.stream import Wait
from devstream_desktop.control.node_words import (
    KEYRING_LOCKED as LOCKED,
)
from devstream_desktop.control.node_words import (
    KEYRING_REFUSED as REFUSED,
)
from devstream_desktop.control.node_words import (
    KEYRING_UNSEEN as UNSEEN,
)

pytestmark = pytest.mark.process

PROMPT = "org.freedesktop.Secret.Prompt\tPrompt\n"
NODE = [sys.executable, "-m", "devstream_desktop"]


@pytest.fixture
def locked(world, keyring):
    """The desk of a team's founder, whose keyring was locked since."""
    desk = world.desk("ana")
    del desk.environment["DEVSTREAM_KEY_FILE"]
    desk.environment |= {
        "DBUS_SESSION_BUS_ADDRESS": keyring.address,
        "HOME": keyring.environment["HOME"],
        # Where there is a screen, the keyring asks.
        "DISPLAY": ":7777",
    }
    keyring.start()
    desk.run("team", "create", "acme", "--person", "ana")
    keyring.lock()
    return desk


def begin(desk) -> None:
    """As `Desk.start`, without waiting for the node to be ready."""
    desk.process = subprocess.Popen(
        [*NODE, "--home", str(desk.home.root), "node", "--no-discovery", "--listen", "127.0.0.1:0"],
        env=desk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def status(desk) -> Status | None:
    try:
        return desk.status()
    except NoNodeError:
        return None


def test_it_waits_and_says_what_for_and_goes_on_when_the_keyring_is_unlocked(
    locked, until, keyring
) -> None:
    begin(locked)
    found = until(
        "it says that it is locked", lambda: (said := status(locked)) and said.locked and said
    )
    assert found.locked.startswith("the keyring, which holds this node's keys")
    assert (found.person, found.team, found.device[:8]) == (
        "ana",
        "acme",
        locked.run("status").splitlines()[2].split()[1][:8],
    )
    assert locked.run("status").startswith("! locked: the keyring")
    assert json.loads(locked.run("status", "--json"))["locked"]
    assert "the keyring" in locked.run(
        "emit", "--kind", "build", "--state", "failed", "--service", "shop", "--title", "x", code=1
    )
    doctor = subprocess.run(
        [*NODE, "--home", str(locked.home.root), "doctor"],
        env=locked.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (doctor.returncode, "locked: the keyring" in doctor.stdout) == (1, True), doctor.stdout

    with Client(locked.home.control_url()) as client:
        first = client.ask(Wait(newest=-1, status=-1))
        assert client.ask(Wait(newest=first.newest, status=first.status, wait_ms=300)) == first, (
            "nothing is new, so it waits"
        )
        with pytest.raises(ControlError, match="the keyring"):
            client.ask(GetMembers())
        assert client.ask(Unlock())
    keyring.unlock()
    assert locked.process.stdout.readline().startswith("ready ")
    with Client(locked.home.control_url()) as client:
        assert client.ask(Wait(newest=first.newest, status=first.status)) != first, (
            "a screen that waited hears of it"
        )
        assert client.ask(Unlock()).text == "the keys are open"
    assert (locked.status().locked, locked.status().person) == ("", "ana")
    assert locked.stop() == 0


@pytest.fixture
def overheard(keyring, tmp_path):
    """The calls on the keyring's bus so far."""
    if shutil.which("dbus-monitor") is None:
        pytest.skip("not installed: dbus-monitor")
    heard = tmp_path / "heard"
    with heard.open("wb") as file:
        monitor = subprocess.Popen(
            ["dbus-monitor", "--address", keyring.address, "--profile", "type='method_call'"],
            stdout=file,
        )
    yield heard.read_text
    monitor.terminate()
    monitor.wait(5)


def test_however_long_it_waits_it_shows_one_prompt_and_a_signal_ends_it(
    overheard, locked, until
) -> None:
    begin(locked)
    until("it says that it is locked", lambda: (said := status(locked)) and said.locked)
    node = psutil.Process(locked.process.pid)

    def looks() -> int:
        return overheard().count("org.freedesktop.DBus.Properties\tGet\n")

    first, before = looks(), (node.num_threads(), node.num_fds())
    until("it has looked some times", lambda: looks() >= first + 6)
    after = node.num_threads(), node.num_fds()
    assert after[0] <= before[0] + 2, "threads are left behind"
    assert after[1] <= before[1] + 2, "connections are left behind"
    assert overheard().count(PROMPT) == 1
    assert locked.home.log.read_text().count("the keyring was not opened") == 1
    assert locked.stop() == 0
    assert "Traceback" not in locked.home.log.read_text()


def test_a_prompt_that_nobody_answers_holds_nothing_up_once_the_keyring_is_unlocked_elsewhere(
    locked, until, keyring
) -> None:
    with keyring.open_prompt():
        begin(locked)
        until(
            "it waits for the password", lambda: (said := status(locked)) and said.locked == LOCKED
        )
        with Client(locked.home.control_url()) as client:
            client.ask(Unlock())
        assert status(locked).locked == LOCKED, "the prompt is there already"
        keyring.unlock()
        assert locked.process.stdout.readline().startswith("ready ")
        assert locked.stop() == 0


def test_a_prompt_that_was_dismissed_comes_again_when_a_person_wants_it(
    overheard, locked, until
) -> None:
    begin(locked)
    until("the prompt is dismissed", lambda: (said := status(locked)) and said.locked == REFUSED)
    assert overheard().count(PROMPT) == 1
    with Client(locked.home.control_url()) as client:
        client.ask(Unlock())
    until("it is shown again", lambda: overheard().count(PROMPT) == 2)
    assert locked.stop() == 0


def test_a_keyring_that_went_away_is_waited_for_no_longer_than_it_takes_to_say_so(
    locked, keyring
) -> None:
    keyring.end()
    assert "no keyring is running here" in locked.run("node", code=1)


def test_a_command_without_a_node_says_that_the_keyring_is_locked_and_changes_nothing(
    locked, keyring
) -> None:
    before = (locked.home.team / "policy.msgpack").read_bytes()
    assert "keyring" in locked.run("team", "set", "--retention", "9", code=1)
    assert "keyring" in locked.run("team", "members", code=1)
    assert (locked.home.team / "policy.msgpack").read_bytes() == before
    assert locked.run("source", "list").startswith("there is no source yet"), "that takes no key"
    keyring.unlock()
    assert "are changed" in locked.run("team", "set", "--retention", "9")


@pytest.fixture
def unseen(world, keyring):
    """A desk of a session without a screen, whose keyring nobody can open there."""
    desk = world.desk("ana")
    del desk.environment["DEVSTREAM_KEY_FILE"]
    desk.environment |= {
        "DBUS_SESSION_BUS_ADDRESS": keyring.address,
        "HOME": keyring.environment["HOME"],
    }
    return desk


SEATS = {
    "no display": {},
    "ssh": {"DISPLAY": ":7777", "SSH_CONNECTION": "192.0.2.7 50000 192.0.2.2 22"},
}


@pytest.mark.parametrize("seat", SEATS.values(), ids=SEATS)
@pytest.mark.parametrize("state", ["locked", "never made"])
def test_where_a_keyring_cannot_be_opened_the_key_file_is_honoured(
    overheard, unseen, keyring, state, seat
) -> None:
    unseen.environment |= seat
    if state == "locked":
        keyring.start()
        keyring.lock()
    else:
        keyring.start(locked=True)
    create = ("team", "create", "acme", "--person", "ana")
    begun = time.monotonic()
    refusal = unseen.run(*create, code=1)
    assert "nobody would see its prompt here" in refusal
    assert "--allow-key-file" in refusal
    # The advice is followed.
    assert "is founded" in unseen.run("--allow-key-file", *create)
    assert time.monotonic() - begun < 15, "nothing waits for a prompt"
    assert (unseen.home.root / "key").stat().st_mode & 0o777 == 0o600
    unseen.start()
    assert "ana" in unseen.run("team", "members")
    assert overheard().count(PROMPT) == 0


def test_a_prompt_that_is_dismissed_leads_to_the_key_file(unseen, keyring) -> None:
    keyring.start()
    keyring.lock()
    unseen.environment["DISPLAY"] = ":7777"
    assert "is founded" in unseen.run(
        "--allow-key-file", "team", "create", "acme", "--person", "ana"
    )
    assert (unseen.home.root / "key").exists()


def test_an_open_keyring_is_preferred_to_a_file_also_without_a_screen(unseen, keyring) -> None:
    keyring.start()
    unseen.run("--allow-key-file", "team", "create", "acme", "--person", "ana")
    assert not (unseen.home.root / "key").exists()
    # What it sealed opens with no file, and the message sends nobody to make one.
    keyring.lock()
    refusal = unseen.run("team", "set", "--retention", "20", code=1)
    assert "sealed with the key that it holds" in refusal
    assert "--allow-key-file" not in refusal
    keyring.unlock()
    unseen.run("team", "set", "--retention", "20")


def test_a_node_without_a_screen_names_the_way_out_and_goes_on_by_itself(
    unseen, keyring, overheard, until
) -> None:
    keyring.start()
    unseen.run("team", "create", "acme", "--person", "ana")
    keyring.lock()
    begin(unseen)
    said = until("it says what it waits for", lambda: (now := status(unseen)) and now.locked)
    assert said == UNSEEN
    assert overheard().count(PROMPT) == 0
    keyring.unlock()
    assert unseen.process.stdout.readline().startswith("ready ")
    assert unseen.stop() == 0
