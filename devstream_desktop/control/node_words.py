"""Sentences of a node about itself: it says them in English, a desk in the person's language.

Only what is common stands here. Anything else is shown as the node sent it.
"""

from __future__ import annotations

from devstream_desktop.control.known_words import KnownWords, messages_of
from devstream_desktop.language import N_

KEYRING_SILENT = N_(
    "the keyring, which holds this node's keys, has not answered yet; if it asks for a password,"
    " its window may be behind others"
)
KEYRING_LOCKED = N_(
    "the keyring, which holds this node's keys, is locked; enter its password (its window may be"
    " behind others)"
)
KEYRING_REFUSED = N_(
    "the keyring, which holds this node's keys, stays locked; unlock it, and the node goes on by"
    " itself"
)
KEYRING_UNSEEN = N_(
    "the keyring, which holds this node's keys, is not open, and nobody would see its prompt here;"
    " unlock it on the desktop, and the node goes on by itself"
)
KEYRING_UNSEEN_NEW = N_(
    "the keyring, which holds this node's keys, is not open, and nobody would see its prompt here;"
    " unlock it on the desktop, and the node goes on by itself; or end it and start it with"
    " --allow-key-file"
)
POLICY_FORKED = N_(
    "two admins changed the team at once, or a key was stolen; nothing is deployed until an admin"
    " makes the next change: see {command}"
)
POLICY_EXPIRED = N_(
    "the policy has expired; nothing is deployed until an admin starts devstream and renews it, or"
    " makes any change"
)
POLICY_ENDS = N_(
    "the policy ends in {time}, and then nothing is deployed; it renews itself when {people} starts"
    " devstream"
)
POLICY_ENDS_SIGNED = N_(
    "the policy ends in {time}, and then nothing is deployed; it renews itself when {people} starts"
    " devstream and enough admins sign"
)
ONLY_ADMIN = N_(
    "if {person}'s device is lost, nobody can change the team again: make a second admin ({grant})"
    " or keep a key on paper ({key})"
)
TOO_FEW_ADMINS = N_(
    "if one of the admins' device is lost, nobody can change the team again: make a second admin"
    " ({grant}) or keep a key on paper ({key})"
)
CLOCK_CORRECTED = (
    N_(
        "this clock is {time} behind the team's; the team's time is used meanwhile, and nothing is"
        " forgotten: set it right, because certificates go by it"
    ),
    N_(
        "this clock is {time} ahead of the team's; the team's time is used meanwhile, and nothing"
        " is forgotten: set it right, because certificates go by it"
    ),
)
"""Behind, and ahead; so are the next ones."""
CLOCK_BELIEVED = (
    N_(
        "this clock is {time} behind the team's, so their clocks say now; it agreed with them"
        " before and was not set since, so it is believed and theirs are not: look at the clocks of"
        " all; nothing is forgotten until they agree"
    ),
    N_(
        "this clock is {time} ahead of the team's, so their clocks say now; it agreed with them"
        " before and was not set since, so it is believed and theirs are not: look at the clocks of"
        " all; nothing is forgotten until they agree"
    ),
)
CLOCK_OFF = (
    N_(
        "this clock is {time} behind the team's, as far as so few can tell; nothing is forgotten"
        " until it is set right, or more peers agree"
    ),
    N_(
        "this clock is {time} ahead of the team's, as far as so few can tell; nothing is forgotten"
        " until it is set right, or more peers agree"
    ),
)
CLOCK_LATE = N_(
    "this clock is {time} behind the newest event here; until a peer shows its clock nothing is"
    " forgotten, and nothing is said with an older time: set it right, because certificates go by"
    " it"
)
CLOCK_MOVED = N_(
    "this clock moved by {time} at once; nothing is forgotten until a peer confirms it"
)
LINK_NO_NODE = N_("what listens there is not a devstream node")
LINK_REJECTED = N_("it rejected this device: it does not know it (yet), or this device was revoked")
LINK_NOT_BELIEVED = N_(
    "it is of this team but does not accept this device's certificate: its clock is wrong, or this"
    " device is of an older team of that name"
)
LINK_HUNG_UP = N_(
    "it hung up while greeting: it has no certificate that it may show, or it is no devstream node"
)
LINK_REFUSED = N_("nothing listens there: is the node running, and is the port right?")
LINK_SILENT = N_("no answer: the host is off, asleep, or a firewall is in between")
LINK_UNREACHED = N_("it cannot be reached: {reason}")
LINK_OWN_EXPIRED = N_(
    "this device's certificate expired on {day}: ask the issuer for a new one, or set this clock"
    " right"
)
LINK_OWN_EARLY = N_(
    "this device's certificate is not valid yet: this clock is behind; set it right"
)
LINK_ANOTHER_TEAM = N_("it belongs to another team")
LINK_EXPIRED = N_("its certificate has expired, or this clock is ahead")
LINK_EARLY = N_("its certificate is not valid yet: its clock or this one is wrong")
LINK_NO_NODE_CERTIFICATE = N_("its certificate is not one of a devstream node")
LINK_CERTIFICATE = N_("its certificate is not accepted: {reason}")

_KNOWN = KnownWords(messages_of(globals()))


def translated(text: str) -> str:
    """Say a node's sentence in this program's language; one that is not known stays."""
    return _KNOWN.translated(text)
