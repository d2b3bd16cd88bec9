"""The unit of the Debian package under a systemd that has really booted."""

from __future__ import annotations

import shutil
from pathlib import Path

from booted import boot
from packages import Run, built, needs
from roots import copy, inside
from test_deb import DEB

TRY = Path(__file__).with_name("try-service.sh")
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=file:/said.txt
StandardError=inherit
ExecStart=/try-service.sh
ExecStopPost=/usr/bin/systemctl --no-block poweroff
[Install]
WantedBy=default.target
"""


def test_an_operator_runs_a_node(folder: Path, run: Run) -> None:
    deb = built(DEB)
    root = copy("13", folder)
    needs("systemd-nspawn")
    shutil.copy(deb, root / "now.deb")
    run(*inside(root, "apt-get", "update", "-qq"))
    packages = ("/now.deb", "systemd", "systemd-sysv", "dbus")
    run(*inside(root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages))
    shutil.copy(TRY, root / TRY.name)
    (root / "etc" / "systemd" / "system" / "try.service").write_text(UNIT)
    run(*inside(root, "systemctl", "enable", "try.service"))
    said = boot(root, root / "said.txt")
    assert said.endswith("served\n"), said
