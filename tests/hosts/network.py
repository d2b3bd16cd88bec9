"""A network of its own for one test.

Hosts are network namespaces, a switch is a bridge in another, and cables can be troubled.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

WIRE_PROGRAM = str(Path(__file__).with_name("slow_wire.py"))
ROUTER = 254
"""The last number of the router's address in each subnet."""


def why_not() -> str:
    """The reason why this machine cannot have such a network; empty when it can."""
    if sys.platform != "linux":
        return "network namespaces are a Linux thing"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None or shutil.which("bridge") is None:
        return "the ip and bridge commands are missing (Debian package iproute2)"
    name = f"ds{secrets.token_hex(3)}"
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        return f"this machine makes no network namespaces: {error.stderr.strip()}"
    ip("netns", "del", name)
    return ""


def why_no_firewall() -> str:
    """The reason why no firewall can be set up here; empty when one can."""
    if shutil.which("nft") is None:
        return "the nft command is missing (Debian package nftables)"
    looked = subprocess.run(["nft", "list", "ruleset"], check=False, capture_output=True, text=True)
    return f"nft does not work here: {looked.stderr.strip()}" if looked.returncode else ""


def why_no_slow_wire() -> str:
    """The reason why a cable cannot be slowed here; empty when it can."""
    return "" if Path("/dev/net/tun").exists() else "there is no /dev/net/tun"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@dataclass
class Host:
    """One namespace, its address, and the switch and port it is plugged into."""

    name: str
    address: str
    switch: str = ""
    port: str = ""
    gateway: str = ""

    def start(self, *command: str, **options) -> subprocess.Popen[str]:
        """Run a program on this host; the process is the program itself."""
        full = ["ip", "netns", "exec", self.name, *command]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(full, text=True, **(pipes | options))

    def take_address(self, address: str) -> None:
        """Give up the old address for this one, as a laptop does that comes into another room."""
        self.address = address
        ip("-n", self.name, "addr", "flush", "dev", "eth0")
        ip("-n", self.name, "addr", "add", f"{address}/24", "dev", "eth0")
        self.route()

    def take_no_address(self) -> None:
        """Lose every address but the link-local ones, as a machine before DHCP has answered."""
        ip("-n", self.name, "-4", "addr", "flush", "dev", "eth0")
        ip("-n", self.name, "-6", "addr", "flush", "dev", "eth0", "scope", "global")

    def take_six(self, address: str) -> None:
        """Have this IPv6 address and no IPv4 one."""
        self.take_no_address()
        self.address = address
        ip("-n", self.name, "addr", "add", f"{address}/64", "dev", "eth0", "nodad")
        ip("-n", self.name, "-6", "route", "replace", "default", "dev", "eth0")

    def plug_into(self, other: Host, interface: str, address: str) -> None:
        """Have a second interface, on the switch that another host is on."""
        port = f"q{self.name[-4:]}"
        ends = ("type", "veth", "peer", "name", interface, "netns", self.name)
        ip("-n", other.switch, "link", "add", port, *ends)
        ip("-n", other.switch, "link", "set", port, "master", "br0", "up")
        ip("-n", self.name, "addr", "add", f"{address}/24", "dev", interface)
        ip("-n", self.name, "link", "set", interface, "up")

    def tunnel(self, address: str) -> None:
        """Have an interface that leads nobody here, with the way out through it, as a VPN's."""
        ip("-n", self.name, "link", "add", "tun0", "type", "veth", "peer", "name", "nobody")
        ip("-n", self.name, "link", "set", "nobody", "up")
        ip("-n", self.name, "addr", "add", f"{address}/24", "dev", "tun0")
        ip("-n", self.name, "link", "set", "tun0", "up")
        ip("-n", self.name, "route", "replace", "default", "dev", "tun0")

    def guard(self, *ports: int) -> None:
        """Let nothing in but answers, neighbours' IPv6, and callers of these TCP ports."""
        allowed = "".join(f"tcp dport {port} accept\n" for port in ports)
        self.filter(
            "table inet guard { chain input { type filter hook input priority 0; policy drop;\n"
            f"iif lo accept\nct state established,related accept\n{allowed}"
            "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n}\n}"
        )

    def filter(self, rules: str) -> None:
        """Load rules of nft."""
        command = ["ip", "netns", "exec", self.name, "nft", "-f", "-"]
        subprocess.run(command, input=rules, text=True, check=True, capture_output=True)

    def pull(self) -> None:
        """The interface goes, and says so."""
        ip("-n", self.name, "link", "set", "eth0", "down")

    def plug(self) -> None:
        ip("-n", self.name, "link", "set", "eth0", "up")
        self.route()

    def blackhole(self) -> None:
        """Whatever it sends or is sent vanishes in the switch, and nobody is told."""
        subprocess.run(
            ["bridge", "-n", self.switch, "link", "set", "dev", self.port, "state", "0"],
            check=True,
            capture_output=True,
        )

    def clear(self) -> None:
        subprocess.run(
            ["bridge", "-n", self.switch, "link", "set", "dev", self.port, "state", "3"],
            check=True,
            capture_output=True,
        )

    def route(self) -> None:
        """The way out, which the kernel forgets with the interface or the address."""
        how = ("via", self.gateway) if self.gateway else ("dev", "eth0")
        ip("-n", self.name, "route", "replace", "default", *how)


class SlowWire:
    """A cable through a program that can hold frames back and lose some.

    Without trouble it passes all at once.
    """

    def __init__(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        """Between two (namespace, interface)s that it makes."""
        names = [f"w{secrets.token_hex(4)}" for _ in range(2)]
        self._process = subprocess.Popen(
            [sys.executable, WIRE_PROGRAM, *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdout.readline() == "ready\n"
        for name, (namespace, interface) in zip(names, (one, other), strict=True):
            ip("link", "set", name, "netns", namespace, "name", interface)
        self.set(0, 0)

    def set(self, delay_ms: int, loss_percent: int) -> None:
        """Hold every frame back for so long, and lose so many of a hundred, either way."""
        self._process.stdin.write(f"{delay_ms} {loss_percent}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@dataclass
class Network:
    """Switches, hosts and a router; `close` removes every one."""

    tag: str = field(default_factory=lambda: secrets.token_hex(2))
    _made: list[str] = field(default_factory=list)
    _wires: list[SlowWire] = field(default_factory=list)

    def hosts(self, subnet: int, count: int) -> list[Host]:
        """Make so many hosts, 10.77.SUBNET.1 and on, on one switch that nobody else is on."""
        switch = self._namespace(f"s{subnet}")
        ip("-n", switch, "link", "add", "br0", "type", "bridge")
        ip("-n", switch, "link", "set", "br0", "up")
        return [self._host(subnet, switch, n) for n in range(count)]

    def route(self, subnets: list[list[Host]]) -> SlowWire | None:
        """Join two subnets by a router that forwards no multicast.

        Returns its leg in the second, where this machine can make one.
        """
        router = self._namespace("r")
        ip("netns", "exec", router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        wire: SlowWire | None = None
        for n, hosts in enumerate(subnets):
            switch, leg = hosts[0].switch, f"leg{n}"
            if n and not why_no_slow_wire():
                wire = SlowWire((switch, "pr"), (router, leg))
                self._wires.append(wire)
                ip("-n", switch, "link", "set", "pr", "master", "br0", "up")
            else:
                ip(
                    "-n",
                    switch,
                    "link",
                    "add",
                    "pr",
                    "type",
                    "veth",
                    "peer",
                    "name",
                    leg,
                    "netns",
                    router,
                )
                ip("-n", switch, "link", "set", "pr", "master", "br0", "up")
            gateway = f"{hosts[0].address.rpartition('.')[0]}.{ROUTER}"
            ip("-n", router, "addr", "add", f"{gateway}/24", "dev", leg)
            ip("-n", router, "link", "set", leg, "up")
            for host in hosts:
                host.gateway = gateway
                host.route()
        return wire

    def translate(self, inside: Host, outside: list[Host], port: int) -> str:
        """Put `inside` behind a router that forwards one TCP port to it.

        Returns the router's outer address. From outside nothing else leads in.
        """
        name = self._namespace("n")
        router = Host(name, f"{outside[0].address.rpartition('.')[0]}.{ROUTER}")
        for leg, host in (("in", inside), ("out", outside[0])):
            ends = ("type", "veth", "peer", "name", leg, "netns", name)
            ip("-n", host.switch, "link", "add", f"n{leg}", *ends)
            ip("-n", host.switch, "link", "set", f"n{leg}", "master", "br0", "up")
            address = f"{host.address.rpartition('.')[0]}.{ROUTER}/24"
            ip("-n", name, "addr", "add", address, "dev", leg)
            ip("-n", name, "link", "set", leg, "up")
        ip("netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        router.filter(
            "table ip nat {\n"
            "chain before { type nat hook prerouting priority dstnat;\n"
            f"iifname out tcp dport {port} dnat to {inside.address}:{port}\n}}\n"
            "chain after { type nat hook postrouting priority srcnat;\n"
            "oifname out masquerade\n}\n"
            "chain through { type filter hook forward priority 0; policy drop;\n"
            "iifname in accept\nct state established,related accept\n"
            "ct status dnat accept\n}\n}"
        )
        inside.gateway = f"{inside.address.rpartition('.')[0]}.{ROUTER}"
        inside.route()
        return router.address

    def close(self) -> None:
        for wire in self._wires:
            wire.close()
        for name in self._made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def _namespace(self, suffix: str) -> str:
        name = f"ds{self.tag}{suffix}"
        ip("netns", "add", name)
        self._made.append(name)
        return name

    def _host(self, subnet: int, switch: str, n: int) -> Host:
        name = self._namespace(f"h{subnet}{n}")
        host = Host(name, f"10.77.{subnet}.{n + 1}", switch, f"p{n}")
        ip(
            "-n",
            switch,
            "link",
            "add",
            host.port,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            name,
        )
        ip("-n", switch, "link", "set", host.port, "master", "br0", "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "addr", "add", f"{host.address}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        host.route()
        return host
