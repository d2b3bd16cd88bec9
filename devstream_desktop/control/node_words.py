"""Sentences of a node about itself: it says them in English, a desk in the person's language.

A reason in them that a library or another program gave stays in its own words.
"""

from __future__ import annotations

from devstream_desktop import home
from devstream_desktop.control import history_words
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
METRICS_FAILED = N_("there are no metrics: {reason}")
METRICS_MISSING = N_(
    "there are no metrics: they need the extra 'collector' ({reason}); install {package}"
)
DEPLOYS_NOTHING = N_("nothing can be deployed from here: {reason}")
DEPLOYS_UNANSWERED = N_(
    "more deploys are asked for than are answered, and of these nothing ran: {people}; if that is"
    " no mistake, an admin can shut the device out: {command}"
)
DEPLOYS_NOT_KEPT = N_("deploys are not kept for an audit: {file}: {reason}")
RECEIVES_NOTHING = N_("nothing is received: {reason}")
SETTINGS_AS_BEFORE = N_("the settings are as they were before: {reason}")
SOURCES_AS_BEFORE = N_("the sources are as they were before: {reason}")
OTHERS_NOT_RENEWED = N_("the certificate of {people} could not be renewed here: {reason}")
CERTIFICATE_DOUBTED = N_("a peer of the team does not believe this device's certificate: {reason}")
CERTIFICATE_DISTRUSTED = N_(
    "nobody of the team believes this device's certificate any more, so it gets no links: {reason}"
)
CERTIFICATE_ENDED = N_("this device's certificate ended on {day}, so it gets no links: {reason}")
CERTIFICATE_ENDS = N_(
    "this device's certificate ends in {time} ({day}) and is not renewed yet; it is tried again"
    " until {people} answers: {reason}"
)
CERTIFICATE_ENDS_ANY = N_(
    "this device's certificate ends in {time} ({day}) and is not renewed yet; it is tried again"
    " until an issuer answers: {reason}"
)
CHANGE_LOST = N_(
    "a change of the team was lost, because another admin made one at the same moment: {reason}"
)
DEVICE_REVOKED = N_("{person}'s device {device} was revoked: {reason}")
DEVICE_UNKNOWN = N_("device {device} is not in the team {team} (policy version {version})")
COME_BACK = N_(
    "to come back, ask an admin for an invite ({invite}), then here: {leave}, and {join}"
)
HISTORY_FULL = N_(
    "the history is as large as it may be: the oldest events of {people}, who took most of it, were"
    " forgotten before their time; a device that floods the team can be shut out by an admin:"
    " {command}"
)
HISTORY_REREAD = N_(
    "the history of an earlier version is read again: {done} of {total} lines; no search finds the"
    " others yet"
)
DISK_FULL = N_(
    "the disk of {folder} is full: nothing new is stored until there is room; free some space, and"
    " it goes on by itself"
)
NO_DESCRIPTORS = N_("{reason}: what this node had aside lets it answer, but not take much in")
SET_ASIDE = N_("{name} could not be read, and was set aside as {file}: {meaning}")
PORT_TAKEN = N_(
    "another program has the port {wanted}, so this node listens on {port} now: invites and"
    " firewall rules that name {wanted} lead nowhere. Give it a port of its own in settings.toml"
    " ([mesh] listen), or with --listen HOST:PORT"
)
ADDRESS_GONE = N_(
    "this machine does not have the address {address} now, so nobody reaches this node until it"
    " does: connect that network, or change [mesh] listen in settings.toml"
)
KEY_LIVES_TWICE = N_(
    "two machines write as {person}'s device {device}, the second last {time} ago: one is a copy of"
    " the other. On one of them end devstream and join again with a fresh --home and another name"
    " ({invite}); if nobody made a copy: {revoke}"
)
KEY_USED_TWICE = N_(
    "{person}'s device {device} wrote two different entries under one number: its database was set"
    " back, a copy of its machine runs too, or somebody else has its key; that feed is closed. A"
    " copy joins again with a fresh --home; if it was neither: {revoke}"
)
WAITS_TO_JOIN = N_("{person} waits to join; {command}")
WAITS_TO_JOIN_AGAIN = N_("{person} waits to join with another device; {command}")
CHANGE_TO_SIGN = N_("1 change of the team to sign; see {command}")
CHANGES_TO_SIGN = N_("{count} changes of the team to sign; see {command}")
MEMBER_JOINS = N_("{person} joins (device {device})")
MEMBER_JOINS_AGAIN = N_("{person} joins with another device (device {device})")
MEMBER_REVOKED = N_("{person}'s device {device} is revoked")
MEMBER_REVOKED_WHY = N_("{person}'s device {device} is revoked: {reason}")
DEVICE_BECOMES = N_("{person} becomes {role} on {device}")
DEVICE_NO_LONGER = N_("{person} is no longer {role} on {device}")
PERSON_BECOMES = N_("{person} becomes {role} of {pattern}")
PERSON_NO_LONGER = N_("{person} is no longer {role} of {pattern}")
NEEDED_ADMINS = N_("admins who must sign a change: {new} instead of {old}")
KEPT_DAYS = N_("days that events are kept: {new} instead of {old}")
AUDIT_DAYS = N_("days that deploys are kept for an audit: {new} instead of {old}")
JOINS_APPROVED = N_("joins are approved: {new} instead of {old}")
TEAM_NAME = N_("the team's name: {new} instead of {old}")
RECOVERY_KEY_NEW = N_("there is a new recovery key")
POLICY_SAME = N_("it is the same policy with a new end")

_KNOWN = KnownWords(
    (*messages_of(globals()), *messages_of(vars(history_words)), *home.MEANINGS.values())
)


def translated(text: str) -> str:
    """Say a node's sentence in this program's language; one that is not known stays."""
    return _KNOWN.translated(text)
