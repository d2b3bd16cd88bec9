"""The team's policy as the mesh asks for it (mesh/membership.py)."""

from __future__ import annotations

from devstream_desktop.stream.entry import VERSION, Entry, device_id, hlc_time
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.team import Team, ended


class Membership:
    """Asks the team's newest policy, whatever it is by then."""

    def __init__(self, team: Team) -> None:
        self._team = team

    def gate(self, device: str) -> str | None:
        """Return the reason to refuse a link with a device; None for a member."""
        return self._team.gate(device)

    def is_author(self, key: bytes) -> bool:
        """Tell whether a public key is a present or former device's."""
        return device_id(key) in self._team.chain.current.persons

    def ended(self, feed: bytes) -> tuple[int, bytes] | None:
        """Give number and hash of a revoked feed's last valid entry."""
        return ended(self._team.chain.current, feed)

    def refusal(self, entry: Entry) -> str | None:
        """Return the reason to reject an entry; None where its author may write it."""
        # An entry of a newer version is stored and relayed for newer members, unread. Whoever is
        # no member may not even do that.
        if entry.version != VERSION:
            return self._team.gate(entry.device)
        try:
            event = entry.event
        except InvalidEventError as error:
            return f"it is no event: {error}"
        return self._team.refusal_of(entry.device, event, hlc_time(entry.hlc))
