"""Roots of Debian, made by debootstrap once and used in copies."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from packages import WORK, needs

NAMES = {"12": "bookworm", "13": "trixie"}


def mirror() -> str:
    """The mirror that this machine installs from."""
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return next((one for one in said.stdout.split() if "security" not in one), "")


def base(release: str) -> Path:
    """A root with nothing but the essential packages, which no test changes."""
    if os.getuid() != 0:
        pytest.skip("a root of Debian is made by root")
    needs("debootstrap", "unshare", "chroot", "apt-get")
    made = WORK / "roots" / release
    if not made.exists():
        fresh = made.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        words = ["debootstrap", "--variant=minbase", NAMES[release], fresh, mirror()]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"debootstrap made no root: {(done.stdout + done.stderr)[-300:]}")
        fresh.rename(made)
    return made


def copy(release: str, into: Path) -> Path:
    """A copy of the base, which a test may change."""
    root = into / f"debian-{release}"
    subprocess.run(["cp", "-a", "--reflink=auto", base(release), root], check=True)
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    return root


def inside(root: Path, *words: str) -> list[str | Path]:
    """The words that run a command in the root, whose processes end with it."""
    space = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc"]
    setting = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"]
    return [*space, "chroot", root, *setting, *words]
