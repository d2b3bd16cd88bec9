from __future__ import annotations

import msgspec
import pytest

from devstream_desktop.stream.entry import FEED_BYTES
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import STATES, Kind, Role
from devstream_desktop.team.authors import MissingRole, ended, ends, missing_role, outsider, refusal, refusal_of
from devstream_desktop.team.chain import PolicyChain, sign_policy
from devstream_desktop.team.keys import DeviceKey
from devstream_desktop.team.policy import End, Issuer, Policy, Revocation

KEYS = {name: DeviceKey.from_seed(bytes([number]) * 32) for number, name in enumerate(("ana", "iva", "coco", "exe", "mel", "gone", "eve"))}
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
    issuers={ID["iva"]: Issuer(b"certificate", b"key")},
    collectors=(ID["coco"], ID["gone"]),
    executors=(ID["exe"],),
    persons={ID[name]: name for name in KEYS if name != "eve"},
)

# DESIGN.md 6 and security.md 5.2, written a second time by hand: who may, by the class of the state.
ALLOWED = {
    "coco": {"change/*", "build/*", "test/*", "incident/*", "ticket/*", "source/*", "deploy/*", "duty/*", "claim/*"},
    "exe": {"deploy/*", "duty/*", "claim/*", "team/available", "team/removed"},
    "mel": {"deploy/requested", "deploy/cancelled", "duty/*", "claim/*"},
    "iva": {"deploy/requested", "deploy/cancelled", "duty/*", "claim/*", "team/asked", "team/issuing"},
    "ana": {"deploy/requested", "deploy/cancelled", "duty/*", "claim/*", "team/policy", "team/joined", "team/revoked", "team/rejected"},
    "eve": set[str](),
}


def chain_of(*later: Policy) -> PolicyChain:
    chain = PolicyChain(sign_policy(GENESIS, [KEYS["ana"]]))
    for policy in later:
        chain.absorb([sign_policy(chain.successor(policy, policy.issued), [KEYS["ana"]])])
    return chain


def at(day: int, **changes: object) -> Policy:
    return msgspec.structs.replace(GENESIS, issued=day * DAY, **changes)


CHAIN = chain_of()


@pytest.mark.parametrize("author", ALLOWED)
@pytest.mark.parametrize(("kind", "state"), [(kind, state) for kind in Kind for state in STATES[kind]])
def test_the_author_table(author: str, kind: Kind, state: str) -> None:
    reason = refusal(CHAIN, ID[author], kind, state, 2 * DAY)
    allowed = ALLOWED[author]
    if f"{kind}/*" in allowed or f"{kind}/{state}" in allowed:
        assert reason is None
    else:
        assert reason is not None
        assert "may not say" in reason or "is not in the team" in reason


def test_a_refusal_says_which_role_and_who_gives_it() -> None:
    assert refusal(CHAIN, ID["mel"], Kind.BUILD, "failed", 2 * DAY) == (
        "mel may not say build failed: that takes the role collector; ana can give it: devstream team grant mel collector"
    )
    assert refusal(CHAIN, ID["mel"], Kind.TEAM, "asked", 2 * DAY) == (
        "mel may not say team asked: that takes the role issuer; ana can give it: devstream team grant mel issuer"
    )
    assert refusal(CHAIN, ID["mel"], Kind.TEAM, "unheard", 2 * DAY) == "mel may not say team unheard: nobody may"


def test_missing_role() -> None:
    assert missing_role(GENESIS, ID["mel"], Kind.CHANGE, "pushed") == MissingRole(Role.COLLECTOR, ("ana",))
    assert missing_role(GENESIS, ID["mel"], Kind.DEPLOY, "success") == MissingRole(Role.COLLECTOR, ("ana",))
    assert missing_role(GENESIS, ID["mel"], Kind.TEAM, "available") == MissingRole(Role.EXECUTOR, ("ana",))
    assert missing_role(GENESIS, ID["mel"], Kind.TEAM, "policy") == MissingRole(Role.ADMIN, ("ana",))
    assert missing_role(GENESIS, ID["coco"], Kind.CHANGE, "pushed") is None
    assert missing_role(GENESIS, ID["mel"], Kind.DUTY, "on") is None


def test_a_collector_that_was_removed_keeps_what_it_wrote_before() -> None:
    chain = chain_of(at(10, collectors=(ID["coco"],)))
    assert refusal(chain, ID["gone"], Kind.BUILD, "failed", 10 * DAY - 1) is None
    assert refusal(chain, ID["gone"], Kind.BUILD, "failed", 10 * DAY) is not None


def test_a_revoked_device_too() -> None:
    chain = chain_of(at(10, revoked={ID["gone"]: Revocation(10 * DAY, "laptop lost")}))
    assert refusal(chain, ID["gone"], Kind.DUTY, "on", 9 * DAY) is None
    assert refusal(chain, ID["gone"], Kind.DUTY, "on", 11 * DAY) == f"gone's device {ID['gone'][:8]} was revoked: laptop lost"
    assert outsider(chain.current, ID["gone"]) == f"gone's device {ID['gone'][:8]} was revoked: laptop lost"


def test_where_a_feed_ends() -> None:
    feed, other = KEYS["gone"].public + bytes(16), KEYS["gone"].public + b"x" * 16
    chain = chain_of(at(10, revoked={ID["gone"]: Revocation(10 * DAY, "", (End(feed[:FEED_BYTES], 7, b"h" * 16),))}))
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
    assert outsider(GENESIS, ID["eve"]) == f"device {ID['eve'][:8]} is not in the team acme (policy version 1)"


KEY = fact_key("x", Kind.DEPLOY, "1")


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


def simple(kind: Kind, state: str, subject: str, executor: str = "") -> Event:
    return make_event(kind=kind, state=state, service="x", subject=subject, key=KEY, time=2 * DAY, executor=executor)


@pytest.mark.parametrize(
    ("author", "event", "reason"),
    [
        ("mel", deploy("requested"), None),
        ("mel", deploy("requested", request=""), "does not name itself"),
        ("mel", deploy("requested", request="ab" * 16), "does not name itself"),
        ("mel", deploy("requested", number="1"), "does not name itself"),
        ("mel", deploy("requested", subject="deploy/shop/production/other"), "does not name itself"),
        ("mel", deploy("requested", executor=""), "does not name itself"),
        ("exe", deploy("success"), None),
        ("exe", deploy("success", executor=""), "addressed to another executor"),
        ("exe", deploy("success", executor=ID["coco"]), "addressed to another executor"),
        ("coco", deploy("success"), "addressed to another executor"),
        ("coco", deploy("success", executor=ID["coco"]), "addressed to another executor"),
        ("coco", deploy("success", request=""), None),
        ("exe", deploy("success", request=""), "takes the role collector"),
        ("mel", deploy("success"), "takes the role"),
        ("mel", deploy("cancelled"), None),
        ("coco", deploy("cancelled", request=""), None),
        ("mel", deploy("cancelled", request=""), "takes the role collector"),
        ("mel", simple(Kind.DUTY, "on", "duty/mel"), None),
        ("mel", simple(Kind.DUTY, "on", "duty/ana"), "duty of somebody else"),
        ("exe", simple(Kind.TEAM, "available", "target/shop/production", ID["exe"]), None),
        ("exe", simple(Kind.TEAM, "available", "target/shop/production", ID["ana"]), "another executor"),
        ("iva", simple(Kind.TEAM, "issuing", "issuer/x", ID["iva"]), None),
        ("iva", simple(Kind.TEAM, "issuing", "issuer/x", ID["ana"]), "where another issuer is met"),
        ("mel", simple(Kind.CLAIM, "claimed", "incident/x/y"), None),
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
