"""A machine of its own, booted by systemd-nspawn from a root folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_PATIENCE_S = 300
_TIMED_OUT = (124, 137)
"""Of coreutils' `timeout`: asked to end, or killed (https://www.gnu.org/software/coreutils/timeout)."""


def boot(root: Path, told: Path, *options: str) -> str:
    """Run a machine until it powers off; return what it wrote into the file `told`."""
    nspawn = ("systemd-nspawn", "-q", "-D", str(root), "--register=no", "--keep-unit")
    done = subprocess.run(
        # It asks the machine to power off; one whose nspawn is killed runs on.
        [
            "timeout",
            "--kill-after=60",
            str(_PATIENCE_S),
            *nspawn,
            "--private-network",
            *options,
            "-b",
        ],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    said = told.read_text() if told.exists() else ""
    if done.returncode in _TIMED_OUT:
        pytest.fail(f"it does not power off: {said or done.stdout[-500:]}")
    if not told.exists():
        pytest.skip(f"it does not boot here: {(done.stdout + done.stderr)[-500:]}")
    return said
