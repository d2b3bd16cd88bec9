"""Sentences on a failed join: a node says them in English, a desk in the person's language."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from devstream_desktop.language import N_, _

PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "not-an-invite": N_(
            "this is not an invite: one is a single line that starts with ds1-; copy it again"
        ),
        "mistyped": N_("the invite is mistyped or cut: copy the whole line again"),
        "newer": N_("the invite was made by a newer devstream: update this one"),
        "expired": N_("the invite has expired: ask for a new one"),
        "used": N_(
            "the invite was used by another device already: ask for a new one, and if you do not"
            " know that device, tell the person who invited you"
        ),
        "burnt": N_("the invite was closed after too many wrong tries: ask for a new one"),
        "unknown": N_("the issuer does not know this invite (any more): ask for a new one"),
        "wrong-secret": N_(
            "the invite's secret is wrong: copy the whole line again, or ask for a new one"
        ),
        "name": N_(
            "the name cannot be used: up to 40 letters, digits, spaces and . @ ' _ - after a"
            " letter or digit"
        ),
        "name-taken": N_(
            "somebody in the team has this name, or one like it: choose another with --person;"
            " where it is you, ask for an invite of your own, made with devstream team invite"
            " --for NAME"
        ),
        "names": N_(
            "this device asked under several names already: ask again under the last one, or with"
            " a new invite"
        ),
        "unnamed": N_("the invite is for somebody new: say your name in the team with --person"),
        "other-person": N_(
            "the invite is for another device of somebody else: leave the name (--person) out if"
            " that is you, or ask for a new invite"
        ),
        "device": N_(
            "the issuer does not take this device's key: it is weak, revoked, or known by another"
            " name; join with a fresh --home"
        ),
        "unreachable": N_(
            "the issuer cannot be reached: check that its node runs, and that this network lets"
            " you through; where its address or version changed, ask for a new invite"
        ),
        "pin": N_(
            "what answers at the invite's address is not the team that invited you; nothing"
            " secret was sent: check the address, and tell the person who invited you"
        ),
        "impostor": N_(
            "what answers at the invite's address is not the device that invited you; nothing"
            " secret was sent: tell the person who invited you"
        ),
        "clock": N_(
            "the issuer's certificate is not valid at this machine's time: set the clock, or have"
            " the issuer restart devstream"
        ),
        "answer": N_(
            "the issuer answered something that is not a membership of the team that invited you:"
            " update devstream on both sides"
        ),
        "issuer": N_("the issuer could not complete the join: see its node.log, and try again"),
        "rejected": N_("an admin of the team rejected this device: ask the person who invited you"),
        "no-member": N_(
            "the issuer does not know this device as one of the team: it was revoked, or the"
            " issuer lags behind"
        ),
        "member": N_("this home cannot join another team"),
    }
)
"""By the code of the problem."""


def translated(text: str) -> str:
    """Say why a join failed in this program's language; one that is not known stays.

    A detail in brackets at the end stays in its own words.
    """
    for sentence in PROBLEMS.values():
        detail = text.removeprefix(sentence)
        if detail != text and (not detail or detail.startswith(" (")):
            return _(sentence) + detail
    return text
