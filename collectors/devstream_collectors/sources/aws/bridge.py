"""EventBridge's envelope: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html.

Notification rules of the developer tools send the same with `detailType`:
https://docs.aws.amazon.com/dtconsole/latest/userguide/concepts.html.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import Id, Many, Text, Time, decode
from devstream_collectors.kit.place import Place

T = TypeVar("T")


class Bridge(msgspec.Struct, frozen=True):
    """One event."""

    id: Text = ""
    account: Text = ""
    region: Id = ""
    time: Time = 0
    detail_type: Text = msgspec.field(default="", name="detail-type")
    notified_type: Text = msgspec.field(default="", name="detailType")
    resources: Many[str] = []
    detail: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def kind(self) -> str:
        """The detail type, in AWS' words."""
        return self.detail_type or self.notified_type

    def read(self, kind: type[T]) -> T:
        """Read the detail.

        Raises:
            msgspec.MsgspecError: it lacks what makes the fact that fact.

        """
        return decode(self.detail, kind)

    def place(
        self, source: SourceInfo, received: int, service: str, branches: tuple[str, ...] = ()
    ) -> Place:
        """Return the place: an account's region, where names are unique."""
        return Place(source, received, scope(self.account, self.region), service, branches)

    def console(self, path: str) -> str:
        """Return an address in AWS' console."""
        return f"https://{self.region}.console.aws.amazon.com/{path}" if self.region else ""


def scope(account: str, region: str) -> str:
    """Return where names are unique."""
    return f"aws/{account}/{region}"
