"""Places and commits: what ran where when, and which changes lie between two commits."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from devstream_desktop.history.rows import LATER, Rows
from devstream_desktop.history.telling import revision_key, subject_hash
from devstream_desktop.stream.entry import COUNTER_BITS
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.thing import Running
from devstream_desktop.stream.words import Kind

DAY_MS = 86_400_000
_TRUNKS = ("main", "master", "trunk")
_SAME = 50
"""Rows of one commit that are looked at."""
_PLACES = 50
"""Environments of one service."""


def deploys_of(service: str, environment: str) -> int:
    """Return the number of the deploys to a place among the things."""
    return subject_hash(f"deploy/{service}/{environment_name(environment)}")


class Places(Rows):
    """Seeks along the rows of a place and of a branch."""

    def _environments(self, service: str) -> list[str]:
        rows = self._ask(
            "SELECT environment FROM running WHERE service = ? LIMIT ?", service, _PLACES
        )
        return [environment for (environment,) in rows]

    def _running_at(self, service: str, environment: str) -> Running | None:
        rows = self._ask(
            "SELECT line FROM running WHERE service = ? AND environment = ?",
            service,
            environment_name(environment),
        )
        lines = self._in_order(row_id for (row_id,) in rows)
        return Running(lines[0]) if lines else None

    def _of_revision(self, revision: str, kinds: Collection[str]) -> list[tuple[int, str]]:
        """Return `(row id, kind)` of a commit's rows of these kinds."""
        if not revision:
            return []
        rows = self._ask(
            "SELECT id, kind FROM lines WHERE revision = ? AND revision != '' AND run >= 0"
            f" AND NOT EXISTS ({LATER}) ORDER BY id DESC LIMIT ?",
            revision_key(revision),
            _SAME,
        )
        return [(row_id, kind) for row_id, kind in rows if kind in kinds]

    def _last_check(self, revision: str) -> int:
        """Return the row of a commit's last test, else build, that ended; 0 for none."""
        rows = self._ask(
            "SELECT id FROM lines WHERE revision = ? AND revision != ''"
            " AND kind IN ('test', 'build') AND terminal ORDER BY kind DESC, id DESC LIMIT 1",
            revision_key(revision),
        )
        return int(rows[0][0]) if rows else 0

    def _change_of(self, deploy: Event) -> tuple[int, bytes] | None:
        """Return branch and place of the change that a deploy shipped."""
        if not deploy.revision:
            return None
        rows = self._ask(
            "SELECT id, subject, place FROM lines WHERE revision = ? AND revision != ''"
            " AND kind = 'change' AND run >= 0 AND tone ORDER BY place LIMIT ?",
            revision_key(deploy.revision),
            _SAME,
        )
        branches = {subject for _, subject, _ in rows}
        if len(branches) > 1:
            rows = self._preferred(rows, short_ref(deploy.ref))
        return (rows[-1][1], rows[-1][2]) if rows else None

    def _preferred(
        self, rows: list[tuple[int, int, bytes]], ref: str
    ) -> list[tuple[int, int, bytes]]:
        """Choose among the branches that a commit is on: the deployed one, else the trunk."""
        lines = self._by_id(row_id for row_id, *_ in rows)
        refs = {row_id: short_ref(line.event.ref) for row_id, line in lines.items()}
        for wanted in (ref, *_TRUNKS):
            chosen = [row for row in rows if wanted and refs.get(row[0]) == wanted]
            if chosen:
                return chosen
        return rows[-1:]

    def _waiting_ids(self, change: tuple[int, bytes], limit: int) -> list[int]:
        """Return the rows of the changes after a place of a branch."""
        rows = self._ask(
            "SELECT id FROM lines WHERE subject = ? AND place > ? AND terminal AND run >= 0"
            f" AND tone AND state != 'deleted' AND NOT EXISTS ({LATER}) ORDER BY place LIMIT ?",
            *change,
            limit,
        )
        return [row_id for (row_id,) in rows]

    def _waiting_people(self, change: tuple[int, bytes], limit: int) -> dict[str, int]:
        """Count each person's later changes; a push and its merge are one."""
        rows = self._ask(
            # Counted by SQLite: of a busy place each row would be read as text here.
            "SELECT actor, COUNT(*) FROM (SELECT revision, actor, MAX(place) FROM"
            " (SELECT revision, actor, place FROM lines WHERE subject = ? AND place > ?"
            " AND terminal AND tone AND state != 'deleted' ORDER BY place LIMIT ?)"
            " GROUP BY revision ORDER BY MIN(place) LIMIT ?) GROUP BY actor",
            *change,
            2 * limit,
            limit,
        )
        return dict(rows)

    def _suspect_ids(self, service: str, environment: str, place: bytes, limit: int) -> list[int]:
        """Return the rows of deploys finished there the day before, newest first."""
        first = _earlier(place, DAY_MS)
        environments = [environment] if environment else self._environments(service)
        found: list[tuple[bytes, int]] = []
        for one in environments:
            found += self._ask(
                "SELECT place, id FROM lines WHERE subject = ? AND place < ? AND place >= ?"
                " AND terminal AND run >= 0 ORDER BY place DESC LIMIT ?",
                deploys_of(service, one),
                place,
                first,
                limit,
            )
        return [row_id for _, row_id in sorted(found, reverse=True)[:limit]]


def branch_of(event: Event) -> int:
    """Return the number of a build's or test's branch."""
    subject = f"change/{event.service}/{short_ref(event.ref)}"
    change = msgspec.structs.replace(
        event, kind=Kind.CHANGE, state="pushed", subject=subject, request=""
    )
    return subject_hash(topic_of(change))


def _earlier(place: bytes, ms: int) -> bytes:
    clock = int.from_bytes(place[:8], "big")
    return max(0, clock - (ms << COUNTER_BITS)).to_bytes(8, "big")
