"""Carriers: the signed feeds by another way than gossip, below the same rules.

A broker keeps two logs of a team: its entries, and the newest of its papers (policies and proofs).
It is trusted with bytes and nothing else. An entry that it brings goes the way of an entry that a
peer sends, and both ways may be used at once: by both it is one entry.
"""
