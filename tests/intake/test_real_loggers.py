"""K6: real loggers write a coloured file that is followed; its error is one plain line.

`logging` colours by a formatter of its own, structlog and loguru by themselves, and pino of npm
through pino-pretty.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.source_file import save_sources
from devstream_desktop.intake.service import Intake
from devstream_desktop.stream.line import render

pytestmark = pytest.mark.process

LOGGING = """
import logging, sys
class Coloured(logging.Formatter):
    def format(self, record):
        colour = {"ERROR": 31, "WARNING": 33}.get(record.levelname, 32)
        return f"\\x1b[{colour}m{super().format(record)}\\x1b[0m"
handler = logging.FileHandler(sys.argv[1])
handler.setFormatter(Coloured("%(asctime)s \\x1b[1m%(levelname)s\\x1b[22m %(name)s: %(message)s"))
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.addHandler(handler)
log.info("worker ready"); log.warning("queue is long"); log.error("payment refused")
log.info("worker stopped")
"""
STRUCTLOG = """
import sys, structlog
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.dev.ConsoleRenderer(colors=True, force_colors=True),
    ],
    logger_factory=structlog.WriteLoggerFactory(file=open(sys.argv[1], "a")),
)
log = structlog.get_logger()
log.info("worker ready"); log.warning("queue is long"); log.error("payment refused", order=7)
log.info("worker stopped")
"""
LOGURU = """
import sys
from loguru import logger
logger.remove()
logger.add(sys.argv[1], colorize=True)
logger.info("worker ready"); logger.warning("queue is long"); logger.error("payment refused")
logger.info("worker stopped")
"""
PINO = """
const pino = require("pino"), pretty = require("pino-pretty");
const options = {colorize: true, destination: process.argv[1], sync: true, append: true};
const log = pino(pretty(options));
log.info("worker ready"); log.warn("queue is long"); log.error("payment refused");
log.info("worker stopped");
"""


def node_modules() -> str:
    """The folder of npm's global modules; empty without pino there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return ""
    root = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, check=True)
    folder = root.stdout.strip()
    found = all((Path(folder) / name).is_dir() for name in ("pino", "pino-pretty"))
    return folder if found else ""


@pytest.fixture
async def followed(home, vault, stream, tmp_path, eventually):
    """A log that is followed from its end."""
    log = tmp_path / "app.log"
    log.touch()
    options = {"path": str(log)}
    source = RemoteSource(
        name="app", type="logfile", ways=("tail",), service="shop", interval=1, options=options
    )
    await asyncio.to_thread(save_sources, home.sources, [source])
    intake = Intake(home, vault, stream.publish)
    await intake.start()
    await eventually(lambda: intake.status()[0].seen)
    yield log
    await intake.stop()


@pytest.mark.parametrize("logger", ["logging", "structlog", "loguru", "pino"])
async def test_k6_the_error_of_a_real_logger_is_one_plain_line(followed, stream, logger) -> None:
    programs = {"logging": LOGGING, "structlog": STRUCTLOG, "loguru": LOGURU}
    environment = {**os.environ, "FORCE_COLOR": "1"}
    if logger == "pino":
        modules = await asyncio.to_thread(node_modules)
        if not modules:
            pytest.skip("there is no pino with pino-pretty (npm install -g pino pino-pretty)")
        command, environment = ["node", "-e", PINO], {**environment, "NODE_PATH": modules}
    else:
        pytest.importorskip(logger)
        command = [sys.executable, "-c", programs[logger]]
    program = await asyncio.create_subprocess_exec(*command, str(followed), env=environment)
    assert await program.wait() == 0
    assert "\x1b[" in await asyncio.to_thread(followed.read_text)
    with followed.open("a") as file:
        file.write("ERROR the end\n")
    # Nothing between the two made a line.
    error, end = await stream.first(2)
    assert end.title == "the end"
    line = render(error)
    assert line.startswith("shop  error: ")
    # A process number would make it another error after each start.
    assert re.fullmatch(
        r"shop  error: (?:[\w:<>.]+:\d* - |shop: )?payment refused(?: order=7)?", line
    )
    assert not {"\x1b", "[", "�"} & set(line)
