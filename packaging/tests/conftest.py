"""Packages of `dist`, each put where nothing else is: `make test-packages`.

Every test keeps what was run and said in `build/package/log`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packages import WORK, Run


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, in which sockets have room, and that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="ds-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty home folder of a user without a session, to whom each command belongs."""
    made = folder / "ana"
    made.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    # The registry and the authorities of this machine.
    settings = ("PIP_", "UV_", "SSL_", "REQUESTS_")
    kept |= {name: value for name, value in os.environ.items() if name.startswith(settings)}
    for name in set(os.environ) - set(kept):
        monkeypatch.delenv(name)
    settings_of_pip = Path.home() / ".config" / "pip" / "pip.conf"
    if "PIP_CONFIG_FILE" not in kept and settings_of_pip.exists():
        # Named and not copied, because it may hold a password.
        monkeypatch.setenv("PIP_CONFIG_FILE", str(settings_of_pip))
    monkeypatch.setenv("HOME", str(made))
    monkeypatch.setenv("UV_SYSTEM_CERTS", "1")
    return made


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Run a command, keep and return what it said; one that fails fails the test."""
    log = WORK / "log" / f"{request.node.name}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as kept:

        def done(*words: str | Path, fails: bool = False, **options: object) -> str:
            line = shlex.join(map(str, words))
            ended = subprocess.run(
                words,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                **options,  # type: ignore[call-overload]
            )
            kept.write(f"$ {line}\n{ended.stdout}")
            kept.flush()
            assert (ended.returncode != 0) is fails, f"{line}\n{ended.stdout}"
            return str(ended.stdout)

        yield done


@pytest.fixture
def python(folder: Path, run: Run) -> Path:
    """The Python of an empty virtual environment."""
    run(os.environ.get("PYTHON", sys.executable), "-m", "venv", folder / "env")
    return folder / "env" / "bin" / "python"
