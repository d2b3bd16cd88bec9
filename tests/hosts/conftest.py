"""Hosts of their own: network namespaces joined by a bridge, made and removed by the test that needs them."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Host:
    """One namespace: its name and its address on the bridge."""

    name: str
    address: str

    def start(self, *command: str, **options) -> subprocess.Popen[str]:
        """Run a program on this host."""
        full = ["ip", "netns", "exec", self.name, *command]
        return subprocess.Popen(full, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _why_not() -> str:
    if sys.platform != "linux":
        return "network namespaces are a Linux thing"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the ip command is missing (Debian package iproute2)"
    name = f"ds{secrets.token_hex(3)}"
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        return f"this machine makes no network namespaces: {error.stderr.strip()}"
    _ip("netns", "del", name)
    return ""


@pytest.fixture
def make_hosts() -> Iterator[Callable[[int], list[Host]]]:
    """Make so many hosts on one network that nobody else is on."""
    if reason := _why_not():
        pytest.skip(reason)
    tag = secrets.token_hex(2)
    switch = f"ds{tag}sw"  # a namespace too, so that the bridge is not in anybody's way
    made: list[str] = []

    def make(count: int) -> list[Host]:
        _ip("netns", "add", switch)
        made.append(switch)
        _ip("-n", switch, "link", "add", "br0", "type", "bridge")
        _ip("-n", switch, "link", "set", "br0", "up")
        hosts = [Host(f"ds{tag}h{n}", f"10.77.0.{n + 1}") for n in range(count)]
        for n, host in enumerate(hosts):
            _ip("netns", "add", host.name)
            made.append(host.name)
            _ip("-n", switch, "link", "add", f"p{n}", "type", "veth", "peer", "name", "eth0", "netns", host.name)
            _ip("-n", switch, "link", "set", f"p{n}", "master", "br0", "up")
            _ip("-n", host.name, "link", "set", "lo", "up")
            _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", host.name, "link", "set", "eth0", "up")
            _ip("-n", host.name, "route", "add", "default", "dev", "eth0")
        return hosts

    try:
        yield make
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
