"""Every verdict on a deploy request, and that no strange one slips through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from devstream_desktop.deploy.judge import judge
from devstream_desktop.deploy.request import make_request
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.world import Accept, Asker, Ignore, Refuse, Resolve, Tips, World
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.fact import request_key
from devstream_desktop.stream.words import Role

DEVICE = device_id(b"e" * 32)
SHA = "4f" * 20
OTHER = "5a" * 20
NOW = 1_800_000_000_000
ANA = Asker(device_id(b"a" * 32), "ana")
BO = Asker(device_id(b"b" * 32), "bo")

OPEN = Target(name="shop", environment="production", run=("x",), cwd=Path("/"))
GUARDED = structs.replace(OPEN, environment="guarded", refs=("main", "v*"))
CHECKED = structs.replace(
    OPEN, environment="checked", refs=("main", "v*"), repository="/srv/shop.git"
)
WORLD = World(
    device=DEVICE,
    now=NOW,
    targets={("shop", t.environment): t for t in (OPEN, GUARDED, CHECKED)},
    mistake="",
    judged=False,
    fresh=True,
    may=lambda person, role, _target, _environment: (person, role) == ("ana", Role.DEPLOYER),
    who_may=lambda *_: ["ana", "cy"],
)


def asked(*, by=ANA, environment="production", target="shop", now=NOW, **changes):
    """A request with anything in its fields, as a peer that does not use our code could sign it."""
    event = make_request(
        device=by.device,
        person="ana",
        target=target,
        environment=environment,
        ref="main",
        sha=SHA,
        executor=DEVICE,
        now=now,
    )
    return own(event, by, **changes)


def own(event, by=ANA, **changes):
    """The request with other fields, and with the key that goes with them."""
    key = request_key(msgspec.structs.replace(event, **changes), by.device)
    subject = f"deploy/{event.service}/{event.environment}/{key[:8]}"
    named = {"key": key, "request": key, "number": key[:8], "subject": subject}
    return msgspec.structs.replace(event, **(named | changes))


def refusal(event, author=ANA, world=WORLD) -> str:
    verdict = judge(event, author, world)
    assert isinstance(verdict, Refuse), verdict
    return verdict.reason


def test_a_copied_executor_runs_nothing():
    assert "two machines write as this executor" in refusal(
        asked(), world=replace(WORLD, copied=True)
    )


def test_what_is_right_is_accepted():
    verdict = judge(asked(), ANA, WORLD)
    assert isinstance(verdict, Accept)
    assert (verdict.target, verdict.request.sha) == (OPEN, SHA)


@pytest.mark.parametrize(
    ("event", "world"),
    [
        (asked(executor=device_id(b"x" * 32)), WORLD),
        (asked(executor=""), WORLD),
        (asked(), replace(WORLD, judged=True)),
        (asked(now=NOW - 900_000), replace(WORLD, judged=True, fresh=False)),
        (asked(number="x"), replace(WORLD, judged=True)),
    ],
)
def test_what_is_for_another_or_has_its_answer_gets_none(event, world):
    assert isinstance(judge(event, ANA, world), Ignore)


@pytest.mark.parametrize(
    ("event", "author", "world", "words"),
    [
        (asked(number="x"), ANA, WORLD, "number is not its own"),
        (asked(by=BO), ANA, WORLD, "number is not its own"),
        (asked(target="blog"), ANA, WORLD, "no target blog; its operator can add it"),
        (
            asked(environment="moon"),
            ANA,
            WORLD,
            "no environment moon on this executor; it has checked, guarded, production",
        ),
        (
            asked(),
            ANA,
            replace(WORLD, targets={}, mistake="targets.toml, line 3: no"),
            "targets.toml, line 3: no",
        ),
        (asked(now=NOW - 120_001), ANA, WORLD, "expired before it reached the executor"),
        (asked(now=NOW - 119_000, expires=NOW - 1), ANA, WORLD, "expired"),
        (asked(now=NOW - 121_000, expires=NOW + 100_000), ANA, WORLD, "expired"),
        (asked(), ANA, replace(WORLD, fresh=False), "expired"),
        (asked(now=NOW + 180_000), ANA, WORLD, "clock of ana's device is 3 minutes ahead"),
        (asked(expires=NOW + 86_400_000), ANA, WORLD, "5 minutes at most"),
        (asked(), Asker(ANA.device, ""), WORLD, "belongs to nobody in the team"),
        (asked(by=BO), BO, WORLD, "it says it is from ana, but bo's device signed it"),
        (
            asked(by=BO, actor="bo"),
            BO,
            WORLD,
            (
                "bo may not deploy shop to production; ana, cy (admin) can grant it: devstream "
                "team grant bo deployer shop/production"
            ),
        ),
        (asked(revision=SHA[:12]), ANA, WORLD, "40 hexadecimal digits"),
        (asked(revision=SHA + "\n"), ANA, WORLD, "40 hexadecimal digits"),
        (asked(revision=SHA.upper()), ANA, WORLD, "40 hexadecimal digits"),
        (asked(revision="main"), ANA, WORLD, "40 hexadecimal digits"),
        (asked(ref="main; touch x"), ANA, WORLD, "its ref cannot be deployed"),
        (asked(ref="main\n"), ANA, WORLD, "its ref cannot be deployed"),
        (asked(ref="--exec=x"), ANA, WORLD, "its ref cannot be deployed"),
        (
            asked(environment="guarded", ref="feature/x"),
            ANA,
            WORLD,
            "feature/x may not be deployed to guarded; allowed are main, v*",
        ),
        (asked(environment="guarded", ref=""), ANA, WORLD, "it names no ref"),
        (asked(), ANA, replace(WORLD, busy="shop is busy"), "shop is busy"),
    ],
)
def test_every_refusal_says_why(event, author, world, words):
    assert words in refusal(event, author, world)


def test_checks_come_in_their_order():
    wrong = asked(by=BO, actor="bo", revision="x", ref="a b", now=NOW - 400_000)
    busy = replace(WORLD, busy="busy", fresh=False)
    assert "expired" in refusal(wrong, BO, busy)
    late = replace(busy, now=wrong.time, fresh=True)
    assert "bo may not" in refusal(wrong, BO, late)
    late = replace(late, may=lambda *_: True)
    assert "40 hexadecimal" in refusal(wrong, BO, late)
    assert "ref cannot" in refusal(own(wrong, BO, revision=SHA), BO, late)
    assert refusal(own(wrong, BO, revision=SHA, ref="main"), BO, late) == "busy"


def test_a_target_with_a_repository_asks_for_its_refs_only_when_all_else_is_well():
    assert judge(asked(environment="checked"), ANA, WORLD) == Resolve(
        "/srv/shop.git", ("refs/heads/main", "refs/tags/main")
    )
    assert judge(asked(environment="checked", ref="refs/tags/v1"), ANA, WORLD) == Resolve(
        "/srv/shop.git", ("refs/tags/v1",)
    )
    target = WORLD.targets["shop", "checked"]
    assert judge(asked(environment="checked", ref=""), ANA, WORLD) == Resolve(
        "/srv/shop.git", (), within=target
    )
    # What was tried elsewhere may have been merged over.
    tried = replace(WORLD, succeeded=frozenset({"staging"}))
    assert judge(asked(environment="checked"), ANA, tried) == Resolve(
        "/srv/shop.git", (), within=target
    )
    again = replace(WORLD, succeeded=frozenset({"checked"}))
    assert judge(asked(environment="checked"), ANA, again) == Resolve(
        "/srv/shop.git", ("refs/heads/main", "refs/tags/main")
    )
    assert isinstance(judge(asked(environment="checked", ref="x"), ANA, WORLD), Refuse)


@pytest.mark.parametrize(
    ("ref", "tips", "words"),
    [
        ("main", Tips({"refs/heads/main": SHA}), ""),
        ("v1", Tips({"refs/tags/v1": SHA}), ""),
        ("refs/heads/main", Tips({"refs/heads/main": SHA}), ""),
        ("", Tips({"refs/heads/main": OTHER, "refs/tags/v1": SHA}), ""),
        ("main", Tips({"refs/heads/main": OTHER}), "main is now at 5a5a5a5, not at 4f4f4f4"),
        (
            "main",
            Tips({"refs/heads/feature/main": SHA}),
            "there is no main in the repository any more",
        ),
        ("main", Tips({}, "git says: fatal"), "cannot be checked: git says: fatal"),
        (
            "",
            Tips({"refs/heads/feature": SHA}),
            "4f4f4f4 is on no branch or tag that may be deployed",
        ),
        ("", Tips({"refs/heads/main": OTHER}, has_commit=True), ""),
        # It was asked for as the newest one.
        ("main", Tips({"refs/heads/main": OTHER}, has_commit=True), "main is now at 5a5a5a5"),
    ],
)
def test_the_ref_must_still_be_what_the_person_saw(ref, tips, words):
    event, world = asked(environment="checked", ref=ref), replace(WORLD, tips=tips)
    if words:
        assert words in refusal(event, ANA, world)
    else:
        assert isinstance(judge(event, ANA, world), Accept)


@given(
    sha=st.one_of(st.text(), st.from_regex(r"[0-9a-f]{40}([0-9a-f]{24})?\s?")),
    ref=st.text(max_size=40),
)
def test_nothing_but_an_exact_commit_and_a_plain_ref_is_accepted(sha, ref):
    verdict = judge(asked(revision=sha, ref=ref), ANA, WORLD)
    if isinstance(verdict, Accept):
        assert len(verdict.request.sha) in (40, 64)
        assert set(verdict.request.sha) <= set("0123456789abcdef")
        assert not set(ref) & set(" \n~^:?*[\\")
    else:
        assert isinstance(verdict, Refuse)


@given(
    person=st.text(), time=st.integers(0, 1 << 48), now=st.integers(0, 1 << 48), fresh=st.booleans()
)
def test_only_the_allowed_person_in_time_is_ever_accepted(person, time, now, fresh):
    event = own(asked(), time=time, expires=time + 120_000, actor=person)
    verdict = judge(event, Asker(ANA.device, person), replace(WORLD, now=now, fresh=fresh))
    assert isinstance(verdict, Accept) == (person == "ana" and fresh and abs(now - time) <= 120_000)
