"""Every file of a home, damaged in five ways: the node starts, or one sentence says what to do;
what is lost is said, and all goes on.

A file that a later version adds to a home has no row in `EXPECTED`, and fails here until it is
known what its damage means.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from real_git import commit, git
from rooms import load

from devstream_desktop.control.check import Verdict
from devstream_desktop.doctor.doctor import examine
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.node.core import Node
from devstream_desktop.node.options import Options
from devstream_desktop.node.status import describe
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.words import Kind

pytestmark = pytest.mark.process

_node = load("node/conftest.py")
SHA = "4f" * 20


@dataclass(frozen=True)
class Expected:
    """The words on a damaged file.

    By the node that has started, or by the start that fails; and by doctor before.
    """

    node: str = ""
    fails: bool = False
    doctor: str = ""
    empty_is_fine: bool = False
    """A file of the operator's without content says nothing, and that may be meant."""
    lazily: bool = False
    """It is read when it is needed, so the node may say it later."""


SPARE = Expected()
"""Nothing is lost with it, so nothing is said."""
EXPECTED = {
    "ballast": SPARE,
    "control.lock": SPARE,
    "deploy-logs": SPARE,
    "key": Expected(
        r"holds no key .*restore it from a backup, or join again", fails=True, doctor="holds no key"
    ),
    "deploy.sqlite": Expected(
        "remove {aside}, and deploys go on within a minute", doctor="deploy.sqlite is damaged"
    ),
    "deploy-archive.sqlite": SPARE,
    "intake.sqlite": Expected(
        "what could be read of it was kept; a delivery that was accepted",
        doctor="intake.sqlite is damaged",
    ),
    "history.sqlite": Expected(
        "that this device wrote are not in it|events were saved from it", doctor="history"
    ),
    "feed.json": Expected(
        "feed.json could not be read.*nothing of the history is lost",
        doctor="feed.json cannot be read",
    ),
    "ports.json": Expected(
        "ports.json could not be read.*invite again", doctor="ports.json cannot be read"
    ),
    "peers.json": Expected(
        "peers.json could not be read.*found anew", doctor="peers.json cannot be read"
    ),
    "node.log": SPARE,
    "settings.toml": Expected(
        "settings.toml", fails=True, doctor="settings.toml", empty_is_fine=True
    ),
    "sources.toml": Expected("nothing is received: .*sources.toml", doctor="sources.toml"),
    "targets.toml": Expected("targets.toml", doctor="targets.toml", empty_is_fine=True),
    "secrets/device-key.sealed": Expected(
        "device-key.*restore|device-key.*join again", fails=True, doctor="device-key"
    ),
    "secrets/tls.sealed": Expected(
        "tls.sealed could not be read.*a new certificate is made or asked for",
        doctor="certificate is damaged",
    ),
    "secrets/source-hub.sealed": Expected(
        "its secret cannot be unsealed .*source-hub.*remove the source and add it",
        doctor="source-hub",
    ),
    "secrets/source-lab-token.sealed": Expected(
        "source-lab-token", doctor="source-lab-token", lazily=True
    ),
    "team/certificate.pem": Expected(doctor="the team's files cannot be used"),
    "team/doors.json": Expected(
        "doors.json could not be read.*found anew", doctor="doors.json cannot be read", lazily=True
    ),
    "team/invites.json": Expected(
        "invites.json could not be read.*invite again", doctor="invites.json cannot be read"
    ),
    "team/policy.msgpack": Expected(
        "policy.msgpack could not be read.*comes from a device that has it", doctor="policies"
    ),
    "team/policy.msgpack.before": SPARE,
    "team/team.json": Expected(
        "team.json could not be read.*written anew from the policy",
        doctor="team.json cannot be read",
    ),
}


def overwrite(path: Path, count: int) -> None:
    content = path.read_bytes()
    path.write_bytes(random.Random(path.name).randbytes(min(count, len(content))) + content[count:])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "garbage": lambda path: overwrite(path, path.stat().st_size),
    "first bytes": lambda path: overwrite(path, 100),
    "mode 000": lambda path: path.chmod(0),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with all there is.

    An admin who is collector and executor, with sources, targets, secrets, invites and a deploy.
    """
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        runtime = tmp_path_factory.mktemp("run")
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        world = _node.World(folder, runtime)
        ana = world.desk("ana")
        ana.environment["DEVSTREAM_KEY_FILE"] = str(ana.home.root / "key")
        (folder / "shop").mkdir()
        git(folder / "shop", "init", "-q", "-b", "main")
        commit(folder / "shop", "first")
        (folder / "secret").write_text("a secret that is long enough")
        ana.run("team", "create", "acme", "--person", "ana")
        ana.home.settings.write_text("[mesh]\ndiscovery = false\n")
        ana.home.targets.write_text('[target.shop.production]\nrun = ["/bin/true"]\n')
        ana.run("source", "add", "git", "shop", str(folder / "shop"))
        ana.run("source", "add", "github", "hub", "--secret-file", str(folder / "secret"))
        lab = (
            "--repository",
            "acme/shop",
            "--token-file",
            str(folder / "secret"),
            "--url",
            "https://gitlab.invalid",
        )
        ana.run("source", "add", "gitlab", "lab", "--poll", *lab)
        ana.run("team", "grant", "ana", "deployer", "shop/*")
        ana.start("--intake", "127.0.0.1:0")
        ana.run("team", "invite")
        ana.run("deploy", "shop", "production", "--sha", SHA, "--yes")
        ana.run("duty", "off")
        ana.stop()
        world.end()
    root = ana.home.root
    (root / "peers.json").write_text('["127.0.0.1:9"]')
    (root / "team" / "doors.json").write_text("{}")
    shutil.rmtree(root / "mirrors", ignore_errors=True)
    (root / "ballast").write_bytes(b"small, for the copies")
    return root


def names(root: Path) -> list[str]:
    found = (
        path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()
    )
    return [name.split("/")[0] if name.startswith("deploy-logs/") else name for name in found]


@pytest.fixture
def home(original: Path, tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    shutil.copytree(original, tmp_path / "ana")
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "ana" / "key"))
    return Home(tmp_path / "ana")


async def started(home: Home) -> Node:
    node = Node(home, Options(listen="127.0.0.1:0"), lambda: None)
    await node.start()
    return node


async def said_by(node: Node) -> list[str]:
    status = await describe(node)
    return [*status.notices, *(source.error for source in status.sources)]


async def works(node: Node, title: str) -> None:
    """See that a person's words are kept, with their number."""
    key = fact_key("test", Kind.BUILD, title)
    event = make_event(
        kind=Kind.BUILD,
        state="failed",
        service="shop",
        subject="build/shop",
        key=key,
        time=node.team.now(),
        title=title,
    )
    await node.publish([event])
    assert any(found.event.title == title for found in _lines(node))


def _lines(node: Node):
    with Reader(node.home.history) as reader:
        return reader.page(Query(), limit=50)


def test_the_table_has_every_file(original: Path) -> None:
    assert set(names(original)) == set(EXPECTED)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", EXPECTED)
async def test_a_damaged_file_is_healed_or_told_with_what_to_do(
    name: str, how: str, home: Home
) -> None:
    path = (
        next(iter(sorted(home.root.glob("deploy-logs/*"))))
        if name == "deploy-logs"
        else home.root / name
    )
    DAMAGES[how](path)
    expected = EXPECTED[name]
    silent = expected is SPARE or how == "mode 000" or (how == "emptied" and expected.empty_is_fine)
    looked = [
        f"{check.name}: {check.what} {check.advice}"
        for check in examine(home)
        if check.verdict is not Verdict.OK
    ]
    if not silent and expected.doctor:
        assert any(re.search(expected.doctor, line) for line in looked), looked
    if expected.fails and not silent:
        with pytest.raises(DevstreamError, match=expected.node):
            await started(home)
        return
    node = await started(home)
    try:
        said = await said_by(node)
        if not silent and expected.node and not expected.lazily:
            aside = next(home.root.glob("deploy.sqlite.damaged-*"), "")
            assert any(
                re.search(expected.node.replace("{aside}", re.escape(str(aside))), line)
                for line in said
            ), said
        assert not any("is the disk full" in line for line in said)
        await works(node, f"said after {how}")
        if how == "mode 000" and sys.platform != "win32" and name != "deploy-logs":
            assert stat.S_IMODE(path.stat().st_mode) & 0o400
    finally:
        await node.stop()
    again = await started(home)
    await works(again, f"said once more after {how}")
    await again.stop()
