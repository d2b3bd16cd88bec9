"""An issuer's service behind a port of its own, as a node has it behind the mesh's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from devstream_desktop.door.acceptor import Acceptor, listen
from devstream_desktop.door.service import Services
from devstream_desktop.team.enrolment import Enrolment
from devstream_desktop.team.policy.changes import Newcomer
from devstream_desktop.team.policy.policy import End
from devstream_desktop.team.team import Team


class Door(Enrolment):
    """Made inside a running loop; every caller of the port is for the service."""

    def __init__(
        self,
        team: Team,
        *,
        port: int = 0,
        others: Callable[[], Sequence[str]] = tuple,
        ends: Callable[[str], Sequence[End]] = lambda _: (),
        on_asked: Callable[[Newcomer, int], None] | None = None,
    ) -> None:
        super().__init__(
            team,
            addresses=lambda: (f"127.0.0.1:{self.port}", *others()),
            ends=ends,
            on_asked=on_asked,
        )
        listener = listen("127.0.0.1", port)
        self.port: int = listener.getsockname()[1]
        self._acceptor = Acceptor(listener, Services(self.service))

    async def stop(self) -> None:
        """Close the service and its port."""
        await super().stop()
        await self._acceptor.close()
