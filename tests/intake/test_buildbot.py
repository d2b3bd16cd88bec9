"""A real Buildbot, whose builds come by its own HTTP reporter.

They pass the receiver and the example rules for Buildbot.

It offers no CCTray feed (its last that did was 0.8), so that way cannot be held with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.source_file import save_sources
from devstream_desktop.intake.service import Intake
from devstream_desktop.stream.line import render

pytestmark = pytest.mark.process

pytest.importorskip(
    "buildbot", reason="Buildbot is not installed (the extra 'dev' has it)", exc_type=ImportError
)
pytest.importorskip(
    "buildbot_worker",
    reason="Buildbot's worker is not installed (the extra 'dev' has it)",
    exc_type=ImportError,
)

RULES = Path(__file__).parents[2] / "resources" / "rules" / "buildbot.toml"
SECRET = b"It's a Secret to Everybody"
BUILDBOT = "from buildbot.scripts.runner import run; run()"
TWISTD = "from twisted.scripts.twistd import run; run()"
SHA = "9a8b7c6d5e4f30219a8b7c6d5e4f30219a8b7c6d"
MASTER = """
from buildbot.plugins import changes, reporters, schedulers, steps, util, worker

c = BuildmasterConfig = {{
    "title": "acme",
    "titleURL": "https://ci.example.org/",
    "buildbotURL": "https://ci.example.org/",
    "buildbotNetUsageData": None,  # it tells nobody
    "db": {{"db_url": "sqlite:///state.sqlite"}},
    "protocols": {{"pb": {{"port": "tcp:{port}:interface=127.0.0.1"}}}},
    "workers": [worker.LocalWorker("local")],
    "change_source": [changes.PBChangeSource(user="change", passwd="changepw")],
    "schedulers": [
        schedulers.SingleBranchScheduler(
            name="main",
            change_filter=util.ChangeFilter(branch="main"),
            treeStableTimer=None,
            builderNames=["integration"],
        )
    ],
    "builders": [
        util.BuilderConfig(
            name="integration",
            workernames=["local"],
            factory=util.BuildFactory([steps.ShellCommand(command=["sh", {step!r}])]),
        )
    ],
    "services": [
        reporters.HttpStatusPush(serverUrl={url!r}, headers={{"Authorization": {proof!r}}})
    ],
}}
"""


@pytest.fixture
async def intake(home, vault, stream):
    vault.seal("source-bb", SECRET)
    source = RemoteSource(name="bb", type="generic", environment="", options={"rules": str(RULES)})
    await asyncio.to_thread(save_sources, home.sources, [source])
    running = Intake(home, vault, stream.publish, listen="127.0.0.1:0")
    await running.start()
    yield running
    await running.stop()


class Master:
    """A Buildbot master with one worker in it. `result` is the exit code of the next build."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        step = folder / "step.sh"
        self.folder.mkdir()
        (folder / "master.cfg").write_text(
            MASTER.format(
                port=self.port,
                step=str(step),
                url=f"{url}/in/bb",
                proof=f"Bearer {SECRET.decode()}",
            )
        )
        self._step = step

    async def buildbot(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "ignore",
            "-c",
            BUILDBOT,
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.buildbot(
            "create-master", "--quiet", "--force", "--no-logrotate", str(self.folder)
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", TWISTD,
            "--no_save", "--nodaemon", "--logfile=-", "--pidfile=", "--python=buildbot.tac",
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(60):
                async for line in process.stdout:
                    if b"BuildMaster is running" in line:
                        break
                else:
                    pytest.fail("Buildbot did not start")
            drain = asyncio.create_task(process.stdout.read())
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
        await drain

    async def change(self, result: int, title: str) -> None:
        """Somebody pushes, and the build that this starts will end so."""
        self._step.write_text(f"exit {result}\n")
        await self.buildbot(
            "sendchange", "--master", f"127.0.0.1:{self.port}", "--who", "Ana <ana@example.org>",
            "--branch", "main", "--revision", SHA,
            "--project", "shop", "--repository", "https://git.example.org/acme/shop.git",
            "--vc", "git", "--comments", title, "README",
        )  # fmt: skip


async def test_its_builds_come_through_the_example_rules(intake, stream, tmp_path):
    master = Master(tmp_path / "master", intake.url)
    async with master.running():
        await master.change(1, "Retry card capture once")
        await stream.first(1, seconds=60)
        await master.change(0, "Retry card capture twice")
        await stream.first(2, seconds=60)
        (status,) = intake.status()
    failed, passed = stream.events
    assert (failed.kind, failed.state, failed.service, failed.title) == (
        "build",
        "failed",
        "shop",
        "integration",
    )
    assert (failed.number, failed.ref, failed.revision) == ("1", "main", SHA)
    assert failed.url == "https://ci.example.org/#/builders/1/builds/1"
    assert (passed.state, passed.number, passed.subject) == ("succeeded", "2", failed.subject)
    assert render(failed).startswith("shop  integration FAILED on main at 9a8b7c6")
    assert status.refused == 0
    assert status.dropped == {"build-not-finished": 2}, "what it posts when a build begins"
