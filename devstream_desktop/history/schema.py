"""The tables of a history, as migrations.

    log      what travels: `(feed, seq)` unique, the signed bytes as received, `lsn` the arrival
             number (never used again)
    feeds    one row a feed: the floor below which all is settled, the tip kept for the chain, the
             proof that froze it
    senders  device ids that entries came from
    lines    what is read: one row a fact, a projection of the log; the row id is the hybrid clock
             or the next free number after it, so newest-first needs no sort; the place is the
             clock and a part of the entry's hash, which decide what is later
    subjects one row a thing, a projection of the lines (things.py): its state, the lines that say
             so, since which line it is so, what is under way, and the claim that holds
    running  the deploy that each service runs in each environment
    retold   tellings in the log of a fact whose row is an earlier telling; `key` here and in lines
             is stream/fact.py's identity
    words    the full-text index of the lines, by row id, filled in groups (search_index.py); each
             combination of filters is one more word
             (stream/query.py)
    facets   the services and environments that rows are about, and the day (UTC, since 1970) each
             was last seen
    people   the person behind each device, as the policy has it now
    aside    what this version cannot read (quarantine.py), and when it was set aside
             (UTC milliseconds)
    meta     names of this database, how many lines it has, and how far they (unread.py) and their
             words go

What a state means against its subject's past (`transition`) and whether it decides the thing's
state (`tone`) follow from the set of the rows, and are derived anew where one comes or goes.
Whether a later event took a row's place is derived when read.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from devstream_desktop.history.search_index import HASH_BYTES, TOKENIZE

migrations = Migrations("devstream-history")


@migrations()
def create(db: Database) -> None:
    """Make the first schema."""
    db.executescript(
        """
        CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE senders (id INTEGER PRIMARY KEY, device TEXT NOT NULL UNIQUE);
        CREATE TABLE feeds (
          id INTEGER PRIMARY KEY,
          feed BLOB NOT NULL UNIQUE,
          floor INTEGER NOT NULL DEFAULT 0,
          tip_body BLOB, tip_signature BLOB,
          proof BLOB
        );
        CREATE TABLE log (
          lsn INTEGER PRIMARY KEY AUTOINCREMENT,
          feed INTEGER NOT NULL REFERENCES feeds(id),
          seq INTEGER NOT NULL,
          sender INTEGER NOT NULL REFERENCES senders(id),
          verified INTEGER NOT NULL,
          body BLOB NOT NULL,
          signature BLOB NOT NULL,
          UNIQUE (feed, seq)
        );
        CREATE TABLE lines (
          id INTEGER PRIMARY KEY,
          lsn INTEGER NOT NULL UNIQUE,
          key BLOB NOT NULL UNIQUE,
          subject INTEGER NOT NULL,
          run INTEGER NOT NULL,
          rank INTEGER NOT NULL,
          terminal INTEGER NOT NULL,
          state TEXT NOT NULL
        );
        CREATE INDEX lines_run ON lines (run, rank, id);
        CREATE INDEX lines_subject ON lines (subject, id, terminal, state);
        CREATE VIRTUAL TABLE words USING fts5 (
          text, content = '', prefix = '1 2 3 4 5 6', tokenize = "unicode61 remove_diacritics 2"
        );
        -- Fewer, larger merges: with the defaults they are half of what one event costs
        -- (tests/bench, row cpu).
        INSERT INTO words (words, rank) VALUES ('automerge', 16), ('crisismerge', 64);
        CREATE TABLE facets (
            name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name, value)
        ) WITHOUT ROWID;
        CREATE TABLE people (device TEXT PRIMARY KEY, person TEXT NOT NULL) WITHOUT ROWID;
        """
    )


@migrations()
def index_in_groups(db: Database) -> None:
    """Fill the index in groups; only ranking needs sizes of columns.

    Merging is asked for by search_index.py (1999 is the most that can wait for it).
    """
    db.executescript(
        f"""
        DROP TABLE words;
        CREATE VIRTUAL TABLE words USING fts5 (
            text, content = '', columnsize = 0, prefix = '1 2 3 4 5 6', {TOKENIZE}
        );
        INSERT INTO words (words, rank)
            VALUES ('automerge', 0), ('crisismerge', 1999), ('usermerge', 8);
        DELETE FROM meta WHERE name = 'index_version';
        """
    )


@migrations()
def keep_later_tellings(db: Database) -> None:
    """Add `retold`: a fact outlives its earliest telling."""
    db.executescript(
        """
        CREATE TABLE retold (lsn INTEGER PRIMARY KEY, key BLOB NOT NULL);
        CREATE INDEX retold_key ON retold (key);
        DELETE FROM meta WHERE name = 'index_version';
        """
    )


@migrations()
def set_aside(db: Database) -> None:
    """Add the quarantine: entries that cannot be read stop nobody."""
    db.executescript(
        "CREATE TABLE aside (id INTEGER PRIMARY KEY, what TEXT NOT NULL, content BLOB NOT NULL, at"
        " INTEGER NOT NULL);"
    )


@migrations()
def date_facets(db: Database) -> None:
    """Forget services and environments without rows.

    The rows are made anew by their new identity.
    """
    db.executescript(
        """
        DROP TABLE facets;
        CREATE TABLE facets (
          name TEXT NOT NULL, value TEXT NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (name, value)
        ) WITHOUT ROWID;
        DELETE FROM meta WHERE name = 'index_version';
        """
    )


@migrations()
def order_by_clock(db: Database) -> None:
    """Add `place`: the clock says which of two rows is the later."""
    db.executescript(
        """
        DROP TABLE lines;
        CREATE TABLE lines (
          id INTEGER PRIMARY KEY,
          place BLOB NOT NULL,
          lsn INTEGER NOT NULL UNIQUE,
          key BLOB NOT NULL UNIQUE,
          subject INTEGER NOT NULL,
          run INTEGER NOT NULL,
          rank INTEGER NOT NULL,
          terminal INTEGER NOT NULL,
          state TEXT NOT NULL
        );
        CREATE INDEX lines_run ON lines (run, rank, place);
        CREATE INDEX lines_subject ON lines (subject, place, terminal, state);
        DELETE FROM meta WHERE name = 'index_version';
        """
    )


@migrations()
def order_by_work(db: Database) -> None:
    """Add `work`: a late result for an older commit outranks no newer one."""
    db.executescript(
        """
        DROP TABLE lines;
        CREATE TABLE lines (
          id INTEGER PRIMARY KEY,
          place BLOB NOT NULL,
          lsn INTEGER NOT NULL UNIQUE,
          key BLOB NOT NULL UNIQUE,
          subject INTEGER NOT NULL,
          run INTEGER NOT NULL,
          rank INTEGER NOT NULL,
          terminal INTEGER NOT NULL,
          state TEXT NOT NULL,
          work INTEGER NOT NULL
        );
        CREATE INDEX lines_run ON lines (run, rank, work, place);
        CREATE INDEX lines_subject ON lines (subject, place, terminal, work, state);
        DELETE FROM meta WHERE name = 'index_version';
        """
    )


@migrations()
def ask_of_things(db: Database) -> None:
    """Add the columns of queries, each thing's state, and running deploys.

    Rows of before have an empty `kind` until they are read again (refresh.py).
    """
    db.executescript(
        """
        ALTER TABLE lines ADD COLUMN plain INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE lines ADD COLUMN kind TEXT NOT NULL DEFAULT '';
        ALTER TABLE lines ADD COLUMN service TEXT NOT NULL DEFAULT '';
        ALTER TABLE lines ADD COLUMN environment TEXT NOT NULL DEFAULT '';
        ALTER TABLE lines ADD COLUMN actor TEXT NOT NULL DEFAULT '';
        ALTER TABLE lines ADD COLUMN revision TEXT NOT NULL DEFAULT '';
        ALTER TABLE lines ADD COLUMN severity INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE lines ADD COLUMN transition TEXT NOT NULL DEFAULT '';
        ALTER TABLE lines ADD COLUMN tone INTEGER NOT NULL DEFAULT 0;
        DROP INDEX lines_subject;
        CREATE INDEX lines_subject ON lines (subject, place, terminal, work, state, run);
        CREATE INDEX lines_tone ON lines (subject, tone, place) WHERE tone IN (1, 2);
        CREATE INDEX lines_revision ON lines (revision) WHERE revision != '';
        CREATE INDEX lines_transition ON lines (transition, id) WHERE transition != '';
        CREATE TABLE subjects (
          id INTEGER PRIMARY KEY,
          kind TEXT NOT NULL,
          service TEXT NOT NULL,
          environment TEXT NOT NULL,
          state TEXT NOT NULL,
          tone INTEGER NOT NULL,
          severity INTEGER NOT NULL,
          line INTEGER NOT NULL,
          since INTEGER NOT NULL,
          moving INTEGER NOT NULL,
          claim INTEGER NOT NULL,
          plain INTEGER NOT NULL
        );
        CREATE INDEX subjects_open ON subjects (kind, service) WHERE tone = 2;
        CREATE INDEX subjects_service ON subjects (service, kind);
        CREATE INDEX subjects_moving ON subjects (moving) WHERE moving;
        CREATE INDEX subjects_plain ON subjects (plain) WHERE plain;
        CREATE TABLE running (
          service TEXT NOT NULL,
          environment TEXT NOT NULL,
          revision TEXT NOT NULL,
          line INTEGER NOT NULL,
          PRIMARY KEY (service, environment)
        ) WITHOUT ROWID;
        """
    )


@migrations()
def ask_by_place(db: Database) -> None:
    """Add the indexes of what is asked for: red, worst first; incidents and locks of a place."""
    db.executescript(
        """
        DROP INDEX subjects_open;
        CREATE INDEX subjects_red ON subjects (severity, since) WHERE tone = 2 AND kind != 'ticket';
        CREATE INDEX subjects_tickets ON subjects (since) WHERE tone = 2 AND kind = 'ticket';
        CREATE INDEX subjects_deploys ON subjects (service, environment) WHERE kind = 'deploy';
        CREATE INDEX lines_firing ON lines (service, place)
            WHERE kind = 'incident' AND state = 'firing';
        CREATE INDEX lines_locked ON lines (id) WHERE state = 'locked';
        """
    )


@migrations()
def read_later(db: Database) -> None:
    """Let entries wait for their lines (unread.py), and words in larger groups.

    A group in memory becomes one part of the index; with SQLite's megabyte a catch-up leaves
    hundreds of them.
    """
    db.execute("INSERT INTO words (words, rank) VALUES ('hashsize', ?)", (HASH_BYTES,))


@migrations()
def ask_by_person(db: Database) -> None:
    """Add an index of each person's last claim or release."""
    db.execute(
        "CREATE INDEX lines_claims ON lines (subject, actor, place, run)"
        " WHERE state IN ('claimed', 'released')"
    )
