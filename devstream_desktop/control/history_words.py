"""Sentences on a damaged history: a node says them in English, a desk in the person's language.

What SQLite or the system said stays in its own words. `cause` and `parts` are sentences themselves.
"""

from __future__ import annotations

from devstream_desktop.language import N_

DAMAGED = N_("it is damaged: {cause}")
UNREADABLE = N_("it cannot be read: {cause}")
NO_DATABASE = N_("its first bytes are not those of a database")
CHECK_FAILS = N_("the quick check fails")
NOT_SIGNED = N_("{count} of its entries are not what was signed")
LINES_ALONE = N_("{count} lines have no entry")
NOT_HELD = N_("it lacks entries that it noted as held")
FAILED = N_("it failed while the node ran")
NOT_READ = N_("it holds what cannot be read: {reason}")
MENDING_STOPPED = N_("the start that mended it was stopped")

LACKS_OWN = N_(
    "the history lacks what this device wrote: its file came from a backup, lost its -wal file, or"
    " cannot be read in part"
)
SAVED = N_("the history was damaged ({cause}): {count} events were saved from it")
SAVED_PEERS = N_(
    "the history was damaged ({cause}): {count} events were saved from it, the rest comes from the"
    " peers"
)
LOST = N_("{count} that this device wrote are not in it, and no other device has them")
LOST_HERE = N_(
    "{count} that this device wrote are not in it, and come when a device that has them is linked"
)
KEPT_AS = N_("the damaged file is kept as {file}")

SET_ASIDE = N_(
    "{parts}: this part of the history cannot be read by this version, and was set aside"
)
NOT_SET_ASIDE = N_("{parts}: this part of the history cannot be read by this version")
ENTRY = N_("entry {number} of device {device}")
SETTLED_ENTRY = N_("the last settled entry of device {device}")
PROOF = N_("a proof against a feed of device {device}")
MORE_PARTS = N_("and {count} more")
