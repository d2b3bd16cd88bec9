"""A bundle starts its node and its supervisors by itself, for it has no Python beside it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstream_desktop.deploy.backends import supervisor
from devstream_desktop.program import SUPERVISE, program, supervise

ENTRY = Path(__file__).parents[1] / "packaging" / "bundle" / "entry.py"


def test_a_bundle_is_its_own_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program()[0] == supervise("file")[0] == sys.executable
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert program() == [sys.executable]
    assert supervise("file") == [sys.executable, SUPERVISE]


@pytest.mark.process
def test_the_program_of_a_bundle_supervises_a_deploy(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    # In place of the lock, which the supervisor holds until it ends.
    ended, lock = os.pipe()
    task = supervisor.Task(
        run=["/bin/sh", "-c", "echo it is out"],
        env={},
        cwd=str(tmp_path),
        log=str(tmp_path / "log"),
        result=str(tmp_path / "result"),
        request="r",
        timeout=30,
        kill_after=1,
        max_bytes=1000,
        keep_bytes=100,
        secrets=[],
        lock=lock,
    )
    done = subprocess.run(
        [sys.executable, ENTRY, SUPERVISE],
        input=json.dumps(task).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
        pass_fds=[lock],
    )
    os.close(lock)
    with os.fdopen(ended, "rb") as waiting:
        waiting.read()
    assert json.loads(done.stdout) == {}
    assert json.loads((tmp_path / "result").read_bytes())["exit"] == 0
    assert b"it is out" in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize("before", [None, "/opt/lib"])
def test_other_programs_get_the_libraries_of_the_system(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("bundle_entry", ENTRY)
    assert spec is not None
    assert spec.loader is not None
    entry = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entry)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/devstream/_internal")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    if before is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    entry._forget_libraries()
    assert os.environ.get("LD_LIBRARY_PATH") == before
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ
