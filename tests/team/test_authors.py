from __future__ import annotations

import itertools

import msgspec
import pytest

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.stream.entry import FEED_BYTES
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.fact import request_key
from devstream_desktop.stream.words import STATES, Kind, Role
from devstream_desktop.team.certificates import new_issuer
from devstream_desktop.team.policy.authors import (
    MissingRole,
    ended,
    ends,
    missing_role,
    outsider,
    refusal_of,
)
from devstream_desktop.team.policy.chain import PolicyChain, sign_policy
from devstream_desktop.team.policy.policy import End, Policy, Revocation

KEYS = {
    name: DeviceKey.from_seed(bytes([number]) * 32)
    for number, name in enumerate(("ana", "iva", "coco", "exe", "mel", "gone", "eve"))
}
ID = {name: key.id for name, key in KEYS.items()}
DAY = 86_400_000

GENESIS = Policy(
    version=1,
    team="",
    name="acme",
    prev="",
    issued=DAY,
    expires=90 * DAY,
    admins=(ID["ana"],),
    threshold=1,
    issuers={ID["iva"]: new_issuer(ID["iva"], DAY)},
    collectors=(ID["coco"], ID["gone"]),
    executors=(ID["exe"],),
    persons={ID[name]: name for name in KEYS if name != "eve"},
)

# The author table, written a second time by hand: who may, by the class of the state.
ASKED = {"requested", "dry_run", "approved", "locked", "unlocked", "accepted"}
OBSERVED = {f"deploy/{state}" for state in STATES[Kind.DEPLOY] if state not in ASKED}
MEMBER = {"deploy/requested", "duty/*", "claim/*", "team/left"}
ALLOWED = {
    "coco": {"change/*", "build/*", "test/*", "incident/*", "ticket/*", "source/*"}
    | MEMBER
    | OBSERVED,
    "exe": MEMBER
    | {f"answer/{state}" for state in STATES[Kind.DEPLOY]}
    | {"team/available", "team/removed"},
    "mel": MEMBER,
    "iva": MEMBER | {"team/asked", "team/issuing"},
    "ana": MEMBER | {"team/policy", "team/joined", "team/revoked", "team/rejected"},
    "eve": set[str](),
}
SAID_IN_OWN_NAME = {Kind.DUTY, Kind.CLAIM}


def chain_of(*later: Policy) -> PolicyChain:
    chain = PolicyChain(sign_policy(GENESIS, [KEYS["ana"]]))
    for policy in later:
        chain.absorb([sign_policy(chain.successor(policy, policy.issued), [KEYS["ana"]])])
    return chain


def at(day: int, **changes: object) -> Policy:
    return msgspec.structs.replace(GENESIS, issued=day * DAY, **changes)


CHAIN = chain_of()


KEY = fact_key("x", Kind.DEPLOY, "1")


def said(author: str, kind: Kind, state: str, actor: str, *, answer: bool = False) -> Event:
    """A word of `author` in the name of `actor`.

    It is as well formed as it can be.
    """
    device = ID[author]
    event = make_event(
        kind=kind,
        state=state,
        service="shop",
        environment="production",
        subject={"duty": f"duty/{author}", "team": f"member/{device}"}.get(kind, "x/y"),
        key=KEY,
        time=2 * DAY,
        actor=actor,
        executor=device if kind is Kind.TEAM or answer else ID["exe"],
        request=KEY if answer else "",
    )
    return asked(event, author) if (kind, state) == (Kind.DEPLOY, "requested") else event


def asked(event: Event, author: str, **changes: object) -> Event:
    """The deploy request in `event` under the key that it must have, then with `changes`."""
    key = request_key(event, ID[author])
    names = {"key": key, "request": key, "number": key[:8]}
    names["subject"] = f"deploy/{event.service}/{event.environment}/{key[:8]}"
    return msgspec.structs.replace(event, **{**names, **changes})


ACTORS = ("", "ana", "mel", "coco", "exe", "iva", "eve", "Mel", "mel ")


@pytest.mark.parametrize("author", ALLOWED)
@pytest.mark.parametrize(
    ("kind", "state"), [(kind, state) for kind in Kind for state in STATES[kind]]
)
def test_the_author_table_in_whose_name_ever(author: str, kind: Kind, state: str) -> None:
    for actor, answer in itertools.product(ACTORS, (False, True)):
        event = said(author, kind, state, actor, answer=answer and kind is Kind.DEPLOY)
        reason = refusal_of(CHAIN, ID[author], event, 2 * DAY)
        answers = answer and kind is Kind.DEPLOY and state != "requested"
        word = "answer" if answers else str(kind)
        by_class = f"{word}/*" in ALLOWED[author] or f"{word}/{state}" in ALLOWED[author]
        own_word = kind in SAID_IN_OWN_NAME or state in ("requested", "left")
        if by_class and (not own_word or event.actor == author):
            assert reason is None
        else:
            assert reason is not None
            assert "may not publish" in reason or "is not in the team" in reason


def test_a_refusal_says_which_role_and_who_gives_it() -> None:
    def refused(kind: Kind, state: str) -> str | None:
        return refusal_of(CHAIN, ID["mel"], said("mel", kind, state, "mel"), 2 * DAY)

    assert refused(Kind.BUILD, "failed") == (
        "mel may not publish build failed: it takes the role collector; "
        "ana can give it: devstream team grant mel collector"
    )
    assert refused(Kind.TEAM, "asked") == (
        "mel may not publish team asked: it takes the role issuer; "
        "ana can give it: devstream team grant mel issuer"
    )
    unheard = msgspec.structs.replace(said("mel", Kind.TEAM, "asked", "mel"), state="unheard")
    assert (
        refusal_of(CHAIN, ID["mel"], unheard, 2 * DAY)
        == "mel may not publish team unheard: no role allows it"
    )


def refusal(chain: PolicyChain, device: str, kind: Kind, state: str, at_ms: int) -> str | None:
    """The reason why a device may not publish this itself.

    In its own name, that is; None where it may.
    """
    author = next(name for name, known in ID.items() if known == device)
    return refusal_of(chain, device, said(author, kind, state, author), at_ms)


def test_missing_role() -> None:
    assert missing_role(GENESIS, ID["mel"], Kind.CHANGE, "pushed") == MissingRole(
        Role.COLLECTOR, ("ana",)
    )
    assert missing_role(GENESIS, ID["mel"], Kind.DEPLOY, "success") == MissingRole(
        Role.COLLECTOR, ("ana",)
    )
    assert missing_role(GENESIS, ID["mel"], Kind.TEAM, "available") == MissingRole(
        Role.EXECUTOR, ("ana",)
    )
    assert missing_role(GENESIS, ID["mel"], Kind.TEAM, "policy") == MissingRole(
        Role.ADMIN, ("ana",)
    )
    assert missing_role(GENESIS, ID["coco"], Kind.CHANGE, "pushed") is None
    assert missing_role(GENESIS, ID["mel"], Kind.DUTY, "on") is None


def test_a_collector_that_was_removed_keeps_what_it_wrote_before() -> None:
    chain = chain_of(at(10, collectors=(ID["coco"],)))
    assert refusal(chain, ID["gone"], Kind.BUILD, "failed", 10 * DAY - 1) is None
    assert refusal(chain, ID["gone"], Kind.BUILD, "failed", 10 * DAY) is not None


def test_a_revoked_device_too() -> None:
    chain = chain_of(at(10, revoked={ID["gone"]: Revocation(10 * DAY, "laptop lost")}))
    assert refusal(chain, ID["gone"], Kind.DUTY, "on", 9 * DAY) is None
    assert (
        refusal(chain, ID["gone"], Kind.DUTY, "on", 11 * DAY)
        == f"gone's device {ID['gone'][:8]} was revoked: laptop lost"
    )
    assert (
        outsider(chain.current, ID["gone"])
        == f"gone's device {ID['gone'][:8]} was revoked: laptop lost"
    )


def test_where_a_feed_ends() -> None:
    feed, other = KEYS["gone"].public + bytes(16), KEYS["gone"].public + b"x" * 16
    chain = chain_of(
        at(
            10,
            revoked={ID["gone"]: Revocation(10 * DAY, "", (End(feed[:FEED_BYTES], 7, b"h" * 16),))},
        )
    )
    assert ended(chain.current, feed[:FEED_BYTES]) == (7, b"h" * 16)
    assert ended(chain.current, other[:FEED_BYTES]) == (0, b"")
    assert ended(chain.current, (KEYS["mel"].public + bytes(16))[:FEED_BYTES]) is None
    assert ends(chain.current) == {KEYS["gone"].public: 0, feed[:FEED_BYTES]: 7}
    assert ends(GENESIS) == {}


def test_a_clock_that_is_behind_makes_no_stranger_of_a_new_member() -> None:
    chain = chain_of(at(10, persons={**GENESIS.persons, ID["eve"]: "eve"}))
    assert refusal(chain, ID["eve"], Kind.DUTY, "on", 9 * DAY) is None
    assert refusal(CHAIN, ID["eve"], Kind.DUTY, "on", 9 * DAY) is not None


def test_a_role_that_came_and_went_counts_until_it_went() -> None:
    chain = chain_of(at(10, collectors=(ID["mel"],)), at(20, collectors=()))
    assert refusal(chain, ID["mel"], Kind.BUILD, "failed", 15 * DAY) is None
    assert refusal(chain, ID["mel"], Kind.BUILD, "failed", 21 * DAY) is not None


def test_members_and_strangers() -> None:
    assert outsider(GENESIS, ID["mel"]) is None
    assert (
        outsider(GENESIS, ID["eve"])
        == f"device {ID['eve'][:8]} is not in the team acme (policy version 1)"
    )


def deploy(state: str, **fields: object) -> Event:
    values: dict[str, object] = {
        "kind": Kind.DEPLOY,
        "state": state,
        "service": "shop",
        "environment": "production",
        "subject": f"deploy/shop/production/{KEY[:8]}",
        "number": KEY[:8],
        "request": KEY,
        "executor": ID["exe"],
        "key": KEY,
        "time": 2 * DAY,
    }
    return make_event(**{**values, **fields})  # type: ignore[arg-type]


def request(**changes: object) -> Event:
    """mel's request to deploy, with some of its names spoilt."""
    return asked(deploy("requested", actor="mel"), "mel", **changes)


def simple(
    kind: Kind, state: str, subject: str, executor: str = "", actor: str = "mel", number: str = ""
) -> Event:
    values = {"service": "x", "subject": subject, "key": KEY, "time": 2 * DAY}
    return make_event(
        kind=kind, state=state, executor=executor, actor=actor, number=number, **values
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("author", "event", "reason"),
    [
        ("mel", request(), None),
        ("mel", request(request=""), "does not name itself"),
        ("mel", request(request="ab" * 16), "does not name itself"),
        ("mel", request(key="ab" * 16), "does not name itself"),
        ("mel", request(key=KEY, request=KEY, number=KEY[:8]), "does not name itself"),
        ("mel", request(number="1"), "does not name itself"),
        ("mel", request(subject="deploy/shop/production/other"), "does not name itself"),
        ("mel", request(revision="4f" * 20), "does not name itself"),
        (
            "mel",
            asked(deploy("requested", actor="mel", executor=""), "mel"),
            "does not name itself",
        ),
        ("mel", asked(deploy("requested", actor="ana"), "mel"), "in the name of ana"),
        ("ana", asked(deploy("requested", actor="ana"), "mel"), "does not name itself"),
        ("exe", deploy("success"), None),
        ("exe", deploy("success", executor=""), "addressed to another executor"),
        ("exe", deploy("success", executor=ID["coco"]), "addressed to another executor"),
        ("coco", deploy("success"), "takes the role executor"),
        ("coco", deploy("success", executor=ID["coco"]), "takes the role executor"),
        ("coco", deploy("success", request=""), None),
        ("exe", deploy("success", request=""), "takes the role collector"),
        ("mel", deploy("success"), "takes the role"),
        ("mel", deploy("cancelled"), "takes the role executor"),
        ("exe", deploy("cancelled"), None),
        ("coco", deploy("cancelled", request=""), None),
        ("mel", deploy("cancelled", request=""), "takes the role collector"),
        ("mel", simple(Kind.DUTY, "on", "duty/mel"), None),
        ("mel", simple(Kind.DUTY, "on", "duty/ana"), "duty of somebody else"),
        ("mel", simple(Kind.DUTY, "on", "duty/mel", actor="ana"), "in the name of ana"),
        ("mel", simple(Kind.DUTY, "on", "duty/mel", actor=""), "in the name of nobody"),
        ("mel", simple(Kind.DUTY, "on", "duty/mel", number="7"), "duty of somebody else"),
        ("exe", simple(Kind.TEAM, "available", "target/shop/production", ID["exe"]), None),
        (
            "exe",
            simple(Kind.TEAM, "available", "target/shop/production", ID["ana"]),
            "another executor",
        ),
        ("iva", simple(Kind.TEAM, "issuing", "issuer/x", ID["iva"]), None),
        ("iva", simple(Kind.TEAM, "issuing", "issuer/x", ID["ana"]), "another issuer's address"),
        ("mel", simple(Kind.TEAM, "left", f"member/{ID['mel']}"), None),
        ("mel", simple(Kind.TEAM, "left", f"member/{ID['mel']}", number="2"), "leaves"),
        ("mel", simple(Kind.TEAM, "left", f"member/{ID['ana']}"), "another device leaves"),
        ("mel", simple(Kind.TEAM, "left", f"member/{ID['mel']}", actor="ana"), "in the name of"),
        ("mel", simple(Kind.CLAIM, "claimed", "incident/x/y"), None),
        ("mel", simple(Kind.CLAIM, "claimed", "incident/x/y", actor="bo"), "in the name of bo"),
        ("coco", simple(Kind.BUILD, "failed", "build/x/main/ci"), None),
        ("eve", simple(Kind.CLAIM, "claimed", "incident/x/y"), "not in the team"),
    ],
)
def test_an_author_speaks_for_itself_only(author: str, event: Event, reason: str | None) -> None:
    answer = refusal_of(CHAIN, ID[author], event, 2 * DAY)
    if reason is None:
        assert answer is None
    else:
        assert answer is not None
        assert reason in answer
