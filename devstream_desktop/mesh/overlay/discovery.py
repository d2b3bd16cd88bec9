"""Discovery of the team's nodes on the local network, by multicast DNS.

Strangers do not learn who they are. Announced is a random name that is new at each start, the port,
and a tag that only the team can compute and that changes each day: no person, host, team, device or
version. What is found is a hint: it is dialed, and TLS and the gate decide.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import logging
import secrets
from collections.abc import Callable, Collection, Sequence

from zeroconf import Error as ZeroconfError
from zeroconf import InterfaceChoice, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from devstream_desktop.address import is_any, join
from devstream_desktop.interfaces import MOST_NAMED, Network, own_addresses, own_networks
from devstream_desktop.mesh.address import LOWEST_PORT

SERVICE = "_devstream._tcp.local."
DAY_MS = 86_400_000
TAG_BYTES = 5
"""Bytes of the tag.

40 bits: enough that strangers do not match by chance, too few to be of use to anybody.
"""
RESOLVE_MS = 3000
WATCH_S = 20.0
"""Period of looking at the machine's addresses and the day.

A laptop that changes its network announces itself anew.
"""
MAX_WAITING = 256
"""The most names waiting to be resolved.

A network that floods names loses the rest.
"""

_log = logging.getLogger(__name__)


def tag(team_id: str, now: int) -> str:
    """Return the tag that a team's nodes announce on a UTC day.

    `now`: UTC milliseconds within that day.
    """
    key = hashlib.sha256(team_id.encode()).digest()
    return hmac.digest(key, str(now // DAY_MS).encode(), "sha256")[:TAG_BYTES].hex()


def is_local(address: str, networks: Collection[Network] = ()) -> bool:
    """Return True when an announced IP address can be of this network.

    It is a private or link-local one, or of `networks`, those that this machine is in: an IPv6
    network has public addresses.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.is_loopback or ip.is_unspecified or ip.is_multicast:
        return False
    return ip.is_private or ip.is_link_local or (ip.version == 6 and any(ip in n for n in networks))


def versions(addresses: Collection[str]) -> IPVersion:
    """Return the kinds of IP to speak multicast by, with these addresses.

    zeroconf fails by either kind that a machine does not have.
    """
    kinds = {":" in address for address in addresses}
    if len(kinds) > 1:
        return IPVersion.All
    return IPVersion.V6Only if True in kinds else IPVersion.V4Only


class Discovery:
    """Announces this node, and reports the addresses of others.

    `on_found` is called with each. Every failure ends as a sentence in `status`.
    """

    def __init__(
        self,
        *,
        team_id: str,
        host: str,
        port: int,
        interfaces: Sequence[str],
        clock: Callable[[], int],
        on_found: Callable[[str], None],
    ) -> None:
        self.status = "starting"
        self._team_id = team_id
        self._host = host
        self._port = port
        self._interfaces = list(interfaces)
        self._clock = clock
        self._on_found = on_found
        self._label = secrets.token_hex(6)
        self._names: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)
        self._stop = asyncio.Event()
        self._look = asyncio.Event()
        self._again = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, without waiting for the network."""
        self._task = asyncio.create_task(self._run())

    def look(self) -> None:
        """Announce and browse anew, after a sleep or new addresses."""
        self._again = True
        self._look.set()

    async def stop(self) -> None:
        """Say goodbye and end."""
        self._stop.set()
        self._look.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        logged = ""
        while not self._stop.is_set():
            addresses = await self._addresses()
            try:
                if not addresses:
                    self.status = (
                        "off: no network but this machine's own; peers are found by address only"
                    )
                    await self._pause(WATCH_S)
                else:
                    await self._announce_on(addresses)
            # Whatever zeroconf makes of what a neighbour sent, the node goes on and tries again.
            except Exception as error:  # noqa: BLE001
                why = str(error) or type(error).__name__
                advice = "multicast is not possible here; add peers by address"
                self.status = f"not working ({why}): {advice}"
                if self.status != logged:
                    _log.warning("finding peers on the local network: %s", self.status)
                logged = self.status
                await self._pause(WATCH_S)
        self.status = "stopped"

    async def _addresses(self) -> list[str]:
        """Return the addresses of this machine at which the listener is reachable."""
        own = await asyncio.to_thread(own_addresses)
        networks = await asyncio.to_thread(own_networks)
        six = ":" in self._host
        # A listener on "::" takes callers by IPv4 as well.
        found = {one for one in own if is_local(one, networks) and (six or ":" not in one)}
        wanted = set(self._interfaces) or (found if is_any(self._host) else {self._host})
        return sorted(wanted & found)

    async def _announce_on(self, addresses: list[str]) -> None:
        """Announce and browse until the addresses or the day change."""
        self._again = False
        today = tag(self._team_id, self._clock())
        chosen = self._interfaces or self._host in addresses
        # zeroconf knows IPv6 interfaces by number or address, without a scope.
        named = [address.partition("%")[0] for address in addresses]
        interfaces = named if chosen else InterfaceChoice.All
        zeroconf = AsyncZeroconf(interfaces=interfaces, ip_version=versions(addresses))
        info = AsyncServiceInfo(
            SERVICE,
            f"{self._label}.{SERVICE}",
            port=self._port,
            parsed_addresses=named,
            properties={"v": "1", "t": today},
        )
        browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE, handlers=[self._heard])
        resolver = asyncio.create_task(self._resolve(zeroconf))
        try:
            await zeroconf.async_register_service(info)
            self.status = f"announcing on {', '.join(addresses)}"
            while tag(self._team_id, self._clock()) == today:
                same = await self._addresses() == addresses
                if not same or self._stop.is_set() or self._again:
                    break
                if resolver.done():
                    # It ends by a fault alone, which this raises.
                    await resolver
                await self._pause(WATCH_S)
        finally:
            resolver.cancel()
            await asyncio.wait([resolver])
            await browser.async_cancel()
            with contextlib.suppress(OSError, ZeroconfError, TimeoutError):
                await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()

    def _heard(
        self,
        zeroconf: Zeroconf,  # noqa: ARG002 - zeroconf passes these by name
        service_type: str,  # noqa: ARG002
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        # Our own announcement comes back as well.
        if state_change is not ServiceStateChange.Removed and not name.startswith(self._label):
            with contextlib.suppress(asyncio.QueueFull):
                self._names.put_nowait(name)

    async def _resolve(self, zeroconf: AsyncZeroconf) -> None:
        while True:
            name = await self._names.get()
            # Anybody on the network can announce a name that zeroconf itself refuses.
            try:
                await self._look_at(name, zeroconf)
            except (ZeroconfError, OSError, ValueError) as error:
                _log.debug("a name on the local network is passed over: %r", error)

    async def _look_at(self, name: str, zeroconf: AsyncZeroconf) -> None:
        info = AsyncServiceInfo(SERVICE, name)
        if not await info.async_request(zeroconf.zeroconf, RESOLVE_MS):
            return
        now = self._clock()
        # Yesterday's and tomorrow's too: the clocks of two machines pass midnight apart.
        near = {tag(self._team_id, now + days * DAY_MS).encode() for days in (-1, 0, 1)}
        if info.properties.get(b"t") not in near or info.port is None or info.port < LOWEST_PORT:
            return
        networks = await asyncio.to_thread(own_networks)
        for address in info.parsed_scoped_addresses(IPVersion.All)[:MOST_NAMED]:
            if is_local(address, networks):
                self._on_found(join(address, info.port))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._look.wait()
        if not self._stop.is_set():
            self._look.clear()
