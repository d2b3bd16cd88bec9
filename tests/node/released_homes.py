"""Homes as each schema of their databases wrote them: `python tests/node/released_homes.py`.

A home is made from the steps in the code, so no database is kept here. What a released step makes
must stay what it was: the script writes a digest of every schema to `released_homes.json`, where
lines are added and never changed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from devstream_desktop.deploy import database as deploys
from devstream_desktop.history import archive
from devstream_desktop.history.database import SCHEMA_VERSION
from devstream_desktop.history.schema import migrations
from devstream_desktop.intake import store as intake
from devstream_desktop.stream.entry import Entry

RECORD = Path(__file__).with_name("released_homes.json")
REQUEST, COMMIT = "5" * 32, "c" * 40
_FIRST_INTAKE = """
CREATE TABLE raw (id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL,
  headers TEXT NOT NULL, body BLOB NOT NULL, received INTEGER NOT NULL, outcome TEXT) STRICT;
CREATE INDEX raw_waiting ON raw (id) WHERE outcome IS NULL;
CREATE TABLE delivery (source TEXT NOT NULL, id TEXT NOT NULL, received INTEGER NOT NULL,
  PRIMARY KEY (source, id)) STRICT, WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
"""The only schema that no step in the code makes."""


def _history(connection: sqlite3.Connection, version: int) -> None:
    with closing(sqlite3.connect(":memory:")) as empty:
        steps = [step.name for step in migrations.pending(Database(empty))]
    # The steps after the last are none, and then nothing is stopped before.
    stop = {"stop_before": steps[version]} if version < len(steps) else {}
    migrations.apply(Database(connection), **stop)


def _deploys(connection: sqlite3.Connection, version: int) -> None:
    connection.executescript(deploys._FIRST + "".join(deploys._LATER[: version - 1]))


def _intake(connection: sqlite3.Connection, version: int) -> None:
    connection.executescript(_FIRST_INTAKE + "".join(intake._STEPS[: version - 1]))


def _archive(connection: sqlite3.Connection, version: int) -> None:
    connection.executescript(archive._SCHEMA)


MADE: Mapping[str, tuple[int, Callable[[sqlite3.Connection, int], None]]] = {
    "history.sqlite": (SCHEMA_VERSION, _history),
    "deploy.sqlite": (deploys.VERSION, _deploys),
    "intake.sqlite": (intake.VERSION, _intake),
    "deploy-archive.sqlite": (archive.VERSION, _archive),
}
"""Newest version of each database, and what makes any of them."""


def make(folder: Path, name: str, version: int, fill: str = "", *values: object) -> None:
    """Make the database `name` as `version` had it, with a row where `fill` is a statement."""
    newest, build = MADE[name]
    with closing(sqlite3.connect(folder / name, isolation_level=None)) as connection:
        build(connection, min(version, newest))
        connection.execute(f"PRAGMA user_version = {min(version, newest)}")
        if fill:
            connection.execute(fill, values)


def fill_history(path: Path, entries: list[Entry]) -> None:
    """Put entries of one feed into a history of any version."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO feeds (feed) VALUES (?)", (entries[0].feed,))
        connection.execute("INSERT INTO senders (device) VALUES ('')")
        connection.executemany(
            "INSERT INTO log VALUES (?, 1, ?, 1, 1, ?, ?)",
            [(one.seq, one.seq, one.body, one.signature) for one in entries],
        )


def digests(folder: Path) -> dict[str, str]:
    """A digest of each schema that a devstream has written, by database and version."""
    found = {}
    for name, (newest, _) in MADE.items():
        for version in range(1, newest + 1):
            place = folder / f"{version}"
            place.mkdir(exist_ok=True)
            make(place, name, version)
            with closing(sqlite3.connect(place / name)) as connection:
                rows = connection.execute(
                    "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'words_%'"
                    " AND name NOT LIKE '%sqlite%' ORDER BY name"
                ).fetchall()
            text = "\n".join(" ".join(sql.split()) for (sql,) in rows)
            found[f"{name} {version}"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        changed = {key: one for key, one in digests(Path(made)).items() if known.get(key) != one}
        if any(key in known for key in changed):
            sys.exit(f"a schema that was written before has changed: {', '.join(changed)}")
        RECORD.write_text(json.dumps(known | changed, indent=1) + "\n")
