"""A node for the desktop's tests: real control server and history, but events on order.

    python fake_node.py HOME

Listens where a real node would, and at `HOME/fake` for the test's commands (see `Orders`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import msgspec
import pynng
from fake_data import KEY, MEMBERS, PLAN, POLICY, TARGETS, status

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.deploys import (
    GetTargets,
    Plan,
    PlanDeploy,
    RequestDeploy,
    Targets,
    TargetStatus,
)
from devstream_desktop.control.messages.members import (
    ApproveJoin,
    GetMembers,
    Grant,
    Invite,
    InviteRead,
    Join,
    Joining,
    ReadInvite,
    Revoke,
    Ungrant,
)
from devstream_desktop.control.messages.policy import (
    ApprovePolicy,
    GetPolicy,
    MakeRecoveryKey,
)
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.control.messages.stream import News, SetDuty, Wait
from devstream_desktop.control.server import Server
from devstream_desktop.control.server_wire import AnyReply, AnyRequest
from devstream_desktop.control.wire import encode_request
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.home import Home
from devstream_desktop.stream.entry import (
    body_hash,
    device_id,
    encode_body,
    next_hlc,
    parse_entry,
)
from devstream_desktop.stream.event import Event, decode_event, encode_event, fact_key, make_event
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.words import Kind


class Orders(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A test's wishes of the node; the answer is `Had`, the requests so far."""

    events: list[bytes] = []
    """Events, encoded, to put into the history."""
    age: int = 0
    """The milliseconds since they were recorded."""
    status: dict[str, object] = {}
    """Fields of `Status` to change."""
    targets: list[TargetStatus] | None = None
    plan: Plan | None = None
    refuse: dict[str, str] = {}
    """The names of requests to refuse, and why."""
    strike: int = 0
    """Strike out so many of the newest entries, as when their device is revoked."""
    exit: int | None = None
    """End at once with this code."""


class Had(msgspec.Struct, kw_only=True):
    """The requests that were neither polls nor questions, encoded as they came."""

    requests: list[bytes] = []
    newest: int = 0
    pid: int = 0


class FakeNode:
    def __init__(self, home: Home) -> None:
        home.create()
        self.history = History(home.history, FeedMirror(None), KEY, "acme")
        self.history.follow({device_id(KEY): "acme-collector"}, {})
        self._feed = KEY + self.history.epoch
        self._seq, self._prev, self._hlc = (
            0,
            b"",
            0,
        )  # a new epoch each start, as after a lost mirror
        self.server = Server(home.control_url(), self.handle)
        self.orders_url = f"ipc://{home.root / 'fake'}"
        self.changed = asyncio.Condition()
        self.stopping = asyncio.Event()
        self.number = 1
        self.status = status()
        saved = home.root / "fake-status.json"
        if saved.exists():
            self.status = status(**msgspec.json.decode(saved.read_bytes()))
        self.targets = TARGETS
        self.plan = PLAN
        self.refuse: dict[str, str] = {}
        self.requests: list[bytes] = []

    def add(self, events: list[Event], age: int = 0) -> None:
        arrivals = []
        for event in events:
            # Rows are ordered by clock, so history is recorded when it happened.
            now = min(int(time.time() * 1000) - age, max(event.time, 1))
            self._hlc = next_hlc(self._hlc, now)
            self._seq += 1
            body = encode_body(
                feed=self._feed,
                seq=self._seq,
                hlc=self._hlc,
                prev=self._prev,
                payload=encode_event(event),
            )
            self._prev = body_hash(body)
            arrivals.append(Arrival(parse_entry(body, bytes(64))))
        self.history.add(arrivals)

    async def handle(self, request: AnyRequest) -> AnyReply:
        name = type(request).__name__
        if not isinstance(
            request, (Wait, GetStatus, GetTargets, PlanDeploy, GetMembers, GetPolicy)
        ):
            self.requests.append(encode_request(request))
        if name in self.refuse:
            raise ControlError(self.refuse[name])
        match request:
            case Wait():
                return await self.wait(request)
            case GetStatus():
                return self.status
            case GetTargets():
                return Targets(targets=tuple(self.targets))
            case PlanDeploy():
                return msgspec.structs.replace(
                    self.plan,
                    target=request.target,
                    environment=request.environment,
                    sha=request.sha or self.plan.sha,
                    type_to_confirm=request.environment == "production",
                )
            case SetDuty(on=on):
                await self.set_status({"on_duty": on})
                return Done()
            case RequestDeploy():
                return await self.deploy(request)
            case Invite():
                return Done(
                    text="ds1-" + base64.b32encode(bytes(range(80))).decode().lower().rstrip("=")
                )
            case ReadInvite():
                return InviteRead(addresses=("10.0.0.5:7450",))
            case Join():
                return Joining(state="joined", team="acme")
            case GetMembers():
                return MEMBERS
            case GetPolicy():
                return POLICY
            case Grant() | Ungrant() | Revoke() | ApproveJoin() | ApprovePolicy():
                return Done(text="signed")
            case MakeRecoveryKey():
                return Done(text="devstream-recovery-1:abcd-efgh-ijkl")
        raise ControlError(f"the fake node does not know {name}")

    async def wait(self, request: Wait) -> News:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(request.wait_ms / 1000), self.changed:
                await self.changed.wait_for(
                    lambda: (
                        self.stopping.is_set()
                        or (self.history.newest(), self.number) != (request.newest, request.status)
                    )
                )
        return News(newest=self.history.newest(), status=self.number)

    async def deploy(self, request: RequestDeploy) -> Done:
        key = fact_key("deploy", Kind.DEPLOY, str(time.time()))
        for state, took in (("requested", 0), ("in_progress", 0), ("success", 61_000)):
            self.add(
                [
                    make_event(
                        kind=Kind.DEPLOY,
                        state=state,
                        service=request.target,
                        environment=request.environment,
                        number=key[:8],
                        request=key,
                        subject=f"deploy/{request.target}/{request.environment}/{key[:8]}",
                        key=fact_key(key, Kind.DEPLOY, state),
                        time=int(time.time() * 1000),
                        revision=request.sha,
                        actor=self.status.person,
                        reason=request.reason,
                        duration=took,
                    )
                ]
            )
        await self.tell()
        return Done(text=key)

    async def set_status(self, changes: dict[str, object]) -> None:
        self.status = msgspec.convert(
            msgspec.to_builtins(self.status, builtin_types=(bytes,)) | changes, Status
        )
        self.number += 1
        await self.tell()

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def obey(self) -> None:
        decoder = msgspec.msgpack.Decoder(Orders)
        with pynng.Rep0(listen=self.orders_url) as socket:
            while not self.stopping.is_set():
                orders = decoder.decode(await socket.arecv())
                if orders.exit is not None:
                    sys.stderr.write("the disk is on fire\n")
                    sys.stderr.flush()
                    os._exit(orders.exit)
                self.add([decode_event(data) for data in orders.events], orders.age)
                self.refuse.update(orders.refuse)
                self.plan = orders.plan or self.plan
                if orders.strike:
                    self.history.follow({}, {KEY: 0, self._feed: self._seq - orders.strike})
                if orders.targets is not None:
                    self.targets = orders.targets
                if orders.status or orders.targets is not None:
                    await self.set_status(orders.status)
                await self.tell()
                await socket.asend(
                    msgspec.msgpack.encode(
                        Had(requests=self.requests, newest=self.history.newest(), pid=os.getpid())
                    )
                )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        self.server.start()
        obeying = asyncio.create_task(self.obey())
        await self.stopping.wait()
        await self.tell()  # parked polls are answered, or the server would wait for them
        obeying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await obeying
        await self.server.stop()
        self.history.close()


if __name__ == "__main__":
    asyncio.run(FakeNode(Home(Path(sys.argv[1]))).run()) if sys.argv[1:] else sys.exit(2)
