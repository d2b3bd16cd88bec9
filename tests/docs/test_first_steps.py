"""The first steps, as README and docs/start.md have them, are followed word for word."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_git import commit, git

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"# on (.+?)(?::|$)")
PATIENCE_S = 60.0


class Machine:
    """One machine of the story: a home, and what runs there."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        folder.mkdir()
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        # All machines are this one, so none may be found by its name or a port of its own.
        (self.home / "settings.toml").write_text(
            '[mesh]\nlisten = "127.0.0.1:0"\ndiscovery = false\n'
        )
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEVSTREAM", "DISPLAY", "WAYLAND"))
        } | {
            "DEVSTREAM_HOME": str(self.home),
            "DEVSTREAM_KEY_FILE": str(folder / "key"),
            "XDG_RUNTIME_DIR": str(runtime),
            "PYTHONUNBUFFERED": "1",
        }
        self.running: list[subprocess.Popen[str]] = []

    def begin(self, words: list[str]) -> subprocess.Popen[str]:
        """A command that may go on beside the others."""
        assert words[0] == "devstream"
        process = subprocess.Popen(
            [sys.executable, "-m", "devstream_desktop", *words[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(process)
        return process

    def run(self, words: list[str]) -> str:
        """The output of a command that ends well."""
        process = self.begin(words)
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, f"{shlex.join(words)}: {out}"
        return out

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=20)


class Reader:
    """Somebody who types what a page says, and nothing else."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self._folder, self._runtime = folder, runtime
        self.machines: dict[str, Machine] = {}
        self.typed: dict[str, str] = {}
        """The reader's own words instead of the page's."""
        self.at = ""
        """The machine at which this reader sits."""
        self.waiting: subprocess.Popen[str] | None = None
        """The join that waits for an admin."""
        self.words = ""

    def machine(self, name: str) -> Machine:
        if name not in self.machines:
            made = Machine(self._folder / re.sub(r"\W+", "-", name), self._runtime)
            self.machines[name] = made
        return self.machines[name]

    def follow(self, text: str) -> None:
        """Type each line of a page's shell blocks."""
        for block in FENCE.findall(text):
            for line in block.splitlines():
                if place := PLACE.match(line):
                    self.at = place[1]
                elif words := shlex.split(line, comments=True):
                    self._type([self.typed.get(word, word) for word in words])

    def _type(self, words: list[str]) -> None:
        machine = self.machine(self.at)
        if words[0] == "cd":
            machine.folder = Path(words[1])
        elif words[1:] in ([], ["--allow-key-file"]) or words[1] == "node":
            process = machine.begin(words)
            assert process.stdout is not None
            ready = ""
            while "mesh" not in ready:
                ready = process.stdout.readline()
                assert ready, f"{shlex.join(words)} ended"
        elif words[1:3] == ["team", "join"]:
            self._join(machine, words)
        else:
            out = machine.run(words)
            if words[1:3] == ["team", "invite"]:
                # What stands beside it, on standard error, says where it leads.
                (self.typed["ds1-…"],) = re.findall(r"^ds1-\S+$", out, re.MULTILINE)
            if words[1:3] == ["team", "members"] and self.words:
                until(lambda: self.words in machine.run(words))
            if words[1:3] == ["team", "approve-join"]:
                assert self.waiting is not None
                out, _ = self.waiting.communicate(timeout=PATIENCE_S)
                assert self.waiting.returncode == 0
                assert f"{words[3]} joined team" in out
                self.words = ""

    def _join(self, machine: Machine, words: list[str]) -> None:
        process = machine.begin(words)
        assert process.stdout is not None
        first = process.stdout.readline()
        if "has to approve" in first:
            self.waiting, self.words = process, process.stdout.readline().strip()
            assert len(self.words.split()) == 6
            return
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert "joined team" in first


def until(look) -> None:
    """Look again until it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


@pytest.fixture
def reader(tmp_path: Path, runtime: Path) -> Iterator[Reader]:
    made = Reader(tmp_path, runtime)
    yield made
    with contextlib.ExitStack() as ends:
        for machine in made.machines.values():
            ends.callback(machine.end)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "First commit")
    return folder


def section(page: str, title: str) -> str:
    """The part of a page below a heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_a_team_of_one(reader: Reader, repository: Path) -> None:
    reader.at = "my machine"
    reader.typed["your-repository"] = str(repository)
    reader.follow(section("docs/start.md", "A team of one").split("The keys of a node")[0])
    (node,) = reader.machine("my machine").running
    assert node.stdout is not None
    until(
        lambda: (
            '"seen":0' not in reader.machine("my machine").run(["devstream", "status", "--json"])
        )
    )
    commit(repository, "Retry card capture once")
    line = ""
    while "Retry card capture once" not in line:
        line = node.stdout.readline()
        assert line, "the node ended"
    node.send_signal(2)
    assert node.wait(timeout=20) == 0


def test_a_team_of_three(reader: Reader) -> None:
    steps = section("docs/start.md", "A team of three")
    three, replaced = steps.split("Where the first one broke")
    reader.follow(three)
    people = [reader.machine(f"{name}'s machine") for name in ("ana", "bob", "carl")]
    ana = people[0]
    status = ana.run(["devstream", "status"])
    (mesh,) = re.findall(r"^mesh +.*?(127[.\d]+:\d+)", status, re.MULTILINE)
    listed = ana.run(["devstream", "team", "members"])
    reader.typed["10.0.0.5:7400"] = mesh
    reader.typed["3fa9c2d1"] = re.findall(r"^bob .*\n.* ([a-z2-7]{8})  ", listed, re.MULTILINE)[0]
    reader.follow(replaced)
    reader.follow(section("docs/start.md", "Roles"))
    listed = ana.run(["devstream", "team", "members"])
    for name in ("ana", "bob", "carl"):
        assert re.search(rf"^{name} ", listed, re.MULTILINE), listed
    assert "replaced by" in listed
    assert "deployer shop/production" in listed
    # Everybody who is in is linked, and has what was said of the others.
    for machine in (
        *people[::2],
        *(reader.machine(f"bob's {one} laptop") for one in ("second", "new")),
    ):
        until(lambda machine=machine: "carl joined the team" in machine.run(["devstream", "tail"]))
    # Each word that was not typed as it stands is in the page's table.
    table = section("docs/start.md", "What you type yourself")
    for word in reader.typed:
        assert f"| `{word}` |" in table


def test_the_five_minutes_of_the_readme(reader: Reader, repository: Path) -> None:
    reader.typed["https://git.example.com/acme/shop.git"] = str(repository)
    reader.follow(section("README.md", "A team in five minutes"))
    ana, bob = (reader.machine(f"{name}'s machine") for name in ("ana", "bob"))
    until(lambda: '"seen":0' not in ana.run(["devstream", "status", "--json"]))
    commit(repository, "Retry card capture once")
    until(lambda: "Retry card capture once" in bob.run(["devstream", "tail"]))
