"""The unit under a systemd that is really booted: what an operator does, and what there is to read.

The machine is this one, copied on write: `make test-service`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from booted import boot

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
UNIT = ROOT / "packaging" / "systemd" / "devstream-node.service"
PYTHON = "/usr/bin/python3"
"""One outside of /root and /home, which the unit's sandbox closes."""
CHECKOUT = Path("/opt/devstream/checkout")
"""This checkout in the machine: the sandbox closes /tmp, /root and /home, where it may lie."""
COMMAND = """#!/bin/sh
export PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1
exec {python} -m devstream_desktop "$@"
"""
SERVICE = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/operate_service.sh
TimeoutStartSec=240
"""
pytestmark = pytest.mark.timeout(400)


def reason() -> str:
    """Say why no machine can be booted here; empty when one can."""
    if os.geteuid() != 0:
        return "only root may boot a machine"
    for needed in ("systemd-nspawn", "/lib/systemd/systemd", PYTHON, "curl"):
        if shutil.which(needed) is None:
            return f"{needed} is not installed"
    version = subprocess.run([PYTHON, "--version"], capture_output=True, text=True, check=True)
    if f" {sysconfig.get_python_version()}." not in version.stdout:
        return f"{PYTHON} is another Python than that of the tests"
    return ""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """The root folder of a machine: this one's, of which every change is thrown away."""
    if why := reason():
        pytest.skip(why)
    changes, root = tmp_path / "changes", tmp_path / "root"
    changes.mkdir()
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", changes], check=True)
    upper, work = changes / "upper", changes / "work"
    upper.mkdir()
    work.mkdir()
    options = f"lowerdir=/,upperdir={upper},workdir={work}"
    mounted = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, root], check=False
    )
    try:
        if mounted.returncode:
            pytest.skip("this kernel lets no folder be copied on write")
        yield root
    finally:
        subprocess.run(["umount", root], check=False)
        subprocess.run(["umount", changes], check=True)


def install(root: Path) -> None:
    """Put the command, the unit and the operator's script into the machine."""
    command = root / "opt/devstream/bin/devstream"
    command.parent.mkdir(parents=True)
    packages = Path(sysconfig.get_path("purelib"))
    found = (ROOT, ROOT / "collectors", packages, *_linked(packages))
    path = ":".join(str(_in_machine(folder)) for folder in found)
    command.write_text(COMMAND.format(python=PYTHON, path=path))
    command.chmod(0o755)
    units = root / "etc/systemd/system"
    shutil.copy(UNIT, units)
    shutil.copy(HERE / "operate_service.sh", root)
    (units / "operate.service").write_text(SERVICE)
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "operate.service").symlink_to("../operate.service")
    (root / "etc/machine-id").write_text("")


def _linked(packages: Path) -> list[Path]:
    """The folders that a virtual environment adds by its path files."""
    lines = [line for file in packages.glob("*.pth") for line in file.read_text().splitlines()]
    return [Path(line) for line in lines if line.startswith("/")]


def _in_machine(folder: Path) -> Path:
    return CHECKOUT / folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder


def sections(text: str) -> dict[str, str]:
    """Text of the result, by section."""
    parts = [one.partition("\n") for one in text.split("== ")[1:]]
    return {name: said for name, _, said in parts}


def test_what_an_operator_does_and_reads(machine: Path) -> None:
    install(machine)
    text = boot(machine, machine / "result", f"--bind-ro={ROOT}:{CHECKOUT}")
    assert "waited in vain" not in text
    said = sections(text)
    for name in ("started", "mended"):
        assert "ActiveState=active" in said[name]
        assert "StatusText=in team acme" in said[name]
    assert "ana in team acme" in said["started"]
    health, metrics, rooms = said["reloaded"].splitlines()
    assert health == '{"status":"ready"}'
    assert int(metrics) > 20
    assert int(rooms) > 0
    mistaken = said["reloaded with a mistake"]
    assert "ActiveState=active" in mistaken
    assert "1 notice, see devstream status" in mistaken
    assert mistaken.count("settings.toml, line 3: 'mash' is unknown") == 2
    failed = said["started with a mistake"]
    assert "ActiveState=failed" in failed
    assert "ExecMainStatus=78" in failed
    assert "NRestarts=0" in failed
    assert "settings.toml, line 3: 'mash' is unknown" in failed
    assert "NRestarts=1" in said["killed"]
    assert "NRestarts=2" in said["standing still"]
    assert "Watchdog timeout" in said["standing still"]
    full = said["full"].splitlines()
    assert "the disk of /var/lib/devstream is full" in full[0]
    assert full[-2:] == ['{"status":"not ready","why":["disk full"]}', '{"status":"ready"}']
    assert "ActiveState=inactive" in said["stopped"]
    assert "Result=success" in said["stopped"]
    assert "OK" in said["stopped"]
