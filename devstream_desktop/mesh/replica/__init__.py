"""Replication rules, pure: no socket, no clock, no task. `tests/simulation` holds them.

Promises, whatever the network does and in whatever order things come:
    - A number of a feed is stored once, with the body its author signed, and never changes.
    - An expired entry never comes back: the floor, its own stamp and the tip each forbid it.
    - Two nodes that can reach each other by any path end with the same live entries, newest first.
    - A number used twice (a restored backup, a cloned disk) is proven by two signed entries. The
      feed is then frozen everywhere. Its author publishes again under a new epoch what it held, and
      what it meets at peers that only they still held. Readers know a fact by its key, so it stays
      one row. (Entries that the author never comes back for stay where they are until they expire.)
    - Own entries are on disk before anybody sees them: no number is given twice after a power cut.
    - A clock that is in doubt (mesh/clock.py) deletes nothing. A node whose clock is wrong takes
      part by the team's time; what it had stamped ahead of that, before it heard its peers, it
      publishes again.

The files: store.py is the log, feeds.py its content, catalogue.py the content as peers see it.
rules.py takes entries in, with chain.py for the proofs and admission.py for new feeds; own_feed.py
is the author's side, wants.py asks peers, expiry.py deletes. replica.py puts them together. The
messages are a table in mesh/wire.

State of a feed (feed.py): `floor <= runs`, the `tip` that expired last, the `head`. All of it is
derived from the log at start. Refused numbers and entries before their time (`holds`) are in memory
alone, because both are asked for again after a restart.

An incoming entry meets these rules, in this order:
    its author is no member's             refused, and nothing of its feed is kept (admission.py)
    its feed is frozen                    ignored; its author, though, publishes what it lacks
    number <= floor, or held              known; or, with another hash, proof of a number used twice
    neither chained nor signed            bad: counted, its sender is cut off after a few
    contradicts a neighbour               proof: frozen. Comes before the age, because the floor may
                                          only rise over what is older
    older than the retention              expired: the floor rises to it
    more than ten minutes ahead of us     held back: asked for again when its time has come
    its author may not write this         refused: asked for again when the policy changes
                                          (of a revoked author: chain.before_end)
    proven only by one that is not kept   its own signature decides
    else                                  stored

Numbers of a feed grow with its clock, and most rules rest on that: one expired entry settles all
before it, one entry from the future holds back all after it, pruning halves its way to the floor,
and two entries that break the order are a proof.
"""
