"""Questions about commits and causes: a commit's trail, where it is, suspects of an incident."""

from __future__ import annotations

from devstream_desktop.history.places import DAY_MS, Places, deploys_of
from devstream_desktop.history.rows import COLUMNS, CURRENT
from devstream_desktop.history.telling import revision_key
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Place, Presence, Running, Suspect, Trail
from devstream_desktop.stream.words import Kind

SHORTEST = 4
"""Least digits of a commit that are looked for, as by git."""
_SAME = 200
_DEPLOYS = 20
"""Deploys after a change that may be the first to have it."""
_BETWEEN = 50
_INCIDENTS = 20


class Trails(Places):
    """The questions that follow a commit."""

    def revisions(self, beginning: str, *, limit: int = 10) -> list[str]:
        """List the commits that begin so, the newest first.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        wanted = beginning.casefold()
        if len(wanted) < SHORTEST:
            return []
        found: dict[str, None] = {}
        for line in self._with_revision(wanted):
            if line.event.revision.casefold().startswith(wanted):
                found[line.event.revision] = None
        return list(found)[:limit]

    def trail(self, revision: str) -> Trail | None:
        """Return everything that is known of a commit, given by its beginning.

        Of several that begin so, it is the newest (`revisions` lists them). None for an unknown
        one.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        known = self.revisions(revision, limit=1)
        if not known:
            return None
        lines = [
            line
            for line in reversed(self._with_revision(known[0].casefold()))
            if line.event.revision == known[0] and not line.superseded
        ]
        changes = tuple(line for line in lines if line.event.kind is Kind.CHANGE)
        deploys = {line.id: line for line in lines if line.event.kind is Kind.DEPLOY}
        for place in self._whereabouts(changes[0].event) if changes else ():
            if place.brought is not None:
                deploys[place.brought.id] = place.brought
        shipped = [deploys[row_id] for row_id in sorted(deploys)]
        incidents = {
            line.id: line
            for deploy in shipped
            if deploy.event.state == "success"
            for line in self._incidents_after(deploy)
        }
        return Trail(
            revision=known[0],
            changes=changes,
            checks=tuple(line for line in lines if line.event.kind in (Kind.BUILD, Kind.TEST)),
            deploys=tuple(shipped),
            incidents=tuple(incidents[row_id] for row_id in sorted(incidents)),
        )

    def where(self, revision: str) -> list[Place]:
        """Tell for each environment of a commit's service whether it is there.

        Empty for a commit of which neither a change nor a deploy is known.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        known = self.revisions(revision, limit=1)
        rows = self._of_revision(known[0], ("change",)) if known else []
        if known and not rows:
            rows = self._of_revision(known[0], ("deploy",))
        if not rows:
            return []
        lines = self._in_order([rows[-1][0]])
        return self._whereabouts(lines[0].event) if lines else []

    def suspects(self, incident: Line, *, limit: int = 3) -> list[Suspect]:
        """List deploys there in the day before an incident, with their commits.

        Newest first.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        event = incident.event
        place = self._ask("SELECT place FROM lines WHERE id = ?", incident.id)
        if not place:
            return []
        environment = environment_name(event.environment)
        ids = self._suspect_ids(event.service, environment, place[0][0], limit)
        return [Suspect(deploy, self.shipped(deploy)) for deploy in self._in_order(ids)]

    def shipped(self, deploy: Line, *, limit: int = _BETWEEN) -> tuple[Line, ...]:
        """List the changes that a deploy brought, newest first.

        They lie between the commit that ran there before and its own; without one before it is
        its own alone.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        change = self._change_of(deploy.event)
        if change is None:
            return ()
        branch, last = change
        before = self._ask(
            "SELECT revision FROM lines WHERE subject = ? AND place <"
            " (SELECT place FROM lines WHERE id = ?) AND tone = 1 AND tone IN (1, 2)"
            " ORDER BY place DESC LIMIT 1",
            deploys_of(deploy.event.service, deploy.event.environment),
            deploy.id,
        )
        first = self._place_on(branch, before[0][0]) if before else None
        # Without one before, or back to an earlier one: its own.
        if first is None or first >= last:
            return tuple(
                self._lines(
                    f"{COLUMNS} WHERE lines.subject = ? AND lines.place = ?", (branch, last)
                )
            )
        # What came before the branch was set back need not be in it.
        turn = self._turn(branch, first, last)
        since = "> ?" if turn is None else ">= ?"
        return tuple(
            self._lines(
                f"{COLUMNS} WHERE lines.subject = ? AND lines.place {since} AND lines.place <= ?"
                f" AND lines.run >= 0{CURRENT} ORDER BY lines.place DESC LIMIT ?",
                (branch, first if turn is None else turn, last, limit),
            )
        )

    def _with_revision(self, beginning: str) -> list[Line]:
        key = revision_key(beginning)
        return self._lines(
            f"{COLUMNS} WHERE lines.revision >= ? AND lines.revision < ? AND lines.revision != ''"
            " AND lines.run >= 0 ORDER BY lines.id DESC LIMIT ?",
            (key, f"{key}\U0010ffff", _SAME),
        )

    def _whereabouts(self, change: Event) -> list[Place]:
        own = self._change_of(change)
        names = {change.service, change.service.rsplit("/", 1)[-1]}
        found = []
        for service in sorted(names):
            for environment in self._environments(service):
                runs = self._running_at(service, environment)
                if runs is not None:
                    found.append(self._presence(change, own, runs))
        return found

    def _presence(self, change: Event, own: tuple[int, bytes] | None, runs: Running) -> Place:
        named = (runs.service, environment_name(runs.environment))
        if own is None:
            here = runs.revision == change.revision
            presence = Presence.RUNS if here else Presence.UNKNOWN
            return Place(*named, presence, runs, runs.deploy if here else None)
        branch, place = own
        there = self._place_on(branch, runs.revision)
        if runs.revision == change.revision:
            presence = Presence.RUNS
        # A branch that was set back may have lost it on the way.
        elif there is None or self._turn(branch, place, there) is not None:
            return Place(*named, Presence.UNKNOWN, runs)
        else:
            presence = Presence.INCLUDED if there >= place else Presence.WAITS
        if presence is Presence.WAITS:
            return Place(*named, presence, runs)
        return Place(*named, presence, runs, self._bringer(branch, place, *named) or runs.deploy)

    def _bringer(self, branch: int, place: bytes, service: str, environment: str) -> Line | None:
        """Return a place's first deploy that had a change of a branch."""
        rows = self._ask(
            "SELECT id, revision FROM lines WHERE subject = ? AND tone = 1 AND tone IN (1, 2)"
            " AND place > ? ORDER BY place LIMIT ?",
            deploys_of(service, environment),
            place,
            _DEPLOYS,
        )
        for row_id, revision in rows:
            had = self._place_on(branch, revision)
            if had is not None and had >= place and self._turn(branch, place, had) is None:
                return self._by_id([row_id]).get(row_id)
        return None

    def _turn(self, branch: int, first: bytes, last: bytes) -> bytes | None:
        """Return where a branch last lost commits after `first`, up to `last`."""
        rows = self._ask(
            "SELECT place FROM lines WHERE subject = ? AND place > ? AND place <= ? AND run >= 0"
            " AND state IN ('force-pushed', 'reset', 'deleted') ORDER BY place DESC LIMIT 1",
            branch,
            first,
            last,
        )
        return rows[0][0] if rows else None

    def _place_on(self, branch: int, revision: str) -> bytes | None:
        """Return the place of a commit on a branch; None where it is not known there."""
        if not revision:
            return None
        rows = self._ask(
            # The plus: by the commit, which has few rows, and not along the whole branch.
            "SELECT place FROM lines WHERE revision = ? AND revision != '' AND +subject = ?"
            " AND run >= 0 ORDER BY +place DESC LIMIT 1",
            revision_key(revision),
            branch,
        )
        return rows[0][0] if rows else None

    def _incidents_after(self, deploy: Line) -> list[Line]:
        """List the incidents of a deploy: until the next one, within a day."""
        event = deploy.event
        environment = environment_name(event.environment)
        place: bytes = self._ask("SELECT place FROM lines WHERE id = ?", deploy.id)[0][0]
        following = self._ask(
            "SELECT place FROM lines WHERE subject = ? AND tone = 1 AND tone IN (1, 2)"
            " AND place > ? ORDER BY place LIMIT 1",
            deploys_of(event.service, environment),
            place,
        )
        clock = int.from_bytes(place[:6], "big") + DAY_MS
        end = min(clock.to_bytes(6, "big"), following[0][0] if following else b"\xff")
        return self._lines(
            f"{COLUMNS} WHERE lines.kind = 'incident' AND lines.state = 'firing'"
            " AND lines.service = ? AND lines.place > ? AND lines.place < ? AND lines.run >= 0"
            " AND lines.environment IN ('', ?) AND lines.transition != ''"
            " ORDER BY lines.place LIMIT ?",
            (event.service, place, end, environment, _INCIDENTS),
        )
