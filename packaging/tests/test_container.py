"""The root of a container: a user without rights, a read-only root, one volume."""

from __future__ import annotations

import os
import shutil

import pytest
from packages import ROOT, USE, WORK, Run, built, needs

USER = "10001:10001"


def test_a_node_runs_in_a_read_only_root_with_one_volume(folder, run: Run) -> None:
    if os.getuid() != 0:
        pytest.skip("a root of Debian is made by root")
    needs("debootstrap", "unshare", "chroot", "apt-get")
    wheel = built("devstream-{version}-py3-none-any.whl")
    root = WORK / "rootfs"
    if not root.exists() or root.stat().st_mtime < wheel.stat().st_mtime:
        run(ROOT / "packaging" / "package", "rootfs")
        os.utime(root)
    shutil.copy(USE, root / "use.sh")
    volume = folder / "volume"
    volume.mkdir(mode=0o700)
    os.chown(volume, *map(int, USER.split(":")))
    # As a container has them: mounts of its own, which end with it.
    mounts = f"""
        mount --bind {root} {root} && mount -o remount,ro,bind {root}
        mount -t tmpfs tmpfs {root}/tmp && mount -t proc proc {root}/proc
        mount --bind {volume} {root}/var/lib/devstream
    """
    enter = f"exec chroot --userspec={USER} {root} env -i PATH=/usr/bin:/bin"
    home = "DEVSTREAM_HOME=/var/lib/devstream"
    space = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec")
    said = run(*space, f"{mounts}\n{enter} {home} /use.sh devstream")
    assert said.endswith("used\n")
    assert (volume / "history.sqlite").stat().st_uid == 10001
    # What is written goes nowhere else.
    assert "Read-only file system" in run(*space, f"{mounts}\n{enter} touch /x", fails=True)
