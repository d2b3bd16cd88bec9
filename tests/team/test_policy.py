from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.stream.entry import FEED_BYTES
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.names import check_name, fold
from devstream_desktop.team.policy.policy import End, Grant, Issuer, Policy, Revocation
from devstream_desktop.team.policy.roster import roster
from devstream_desktop.team.policy.validity import check_grant, check_policy

ANA, BO, BO2, CY = (DeviceKey.from_seed(bytes([number]) * 32).id for number in range(1, 5))
POLICY = Policy(
    version=1,
    team="",
    name="acme",
    prev="",
    issued=1_000,
    expires=2_000,
    admins=(ANA,),
    threshold=1,
    issuers={ANA: Issuer(b"certificate", b"key")},
    collectors=(ANA, BO),
    executors=(CY,),
    persons={ANA: "ana", BO: "bo", BO2: "bo", CY: "cy"},
    revoked={CY: Revocation(1_500, "laptop lost")},
    grants=(
        Grant(Role.DEPLOYER, "bo", "shop/*"),
        Grant(Role.DEPLOYER, "cy", "*/*"),
        Grant(Role.APPROVER, "ana", "*/prod[12]"),
    ),
)


def test_the_policy_of_these_tests_is_sound() -> None:
    check_policy(POLICY)


def test_a_revoked_device_keeps_its_name_and_loses_everything_else() -> None:
    assert POLICY.name_of(CY) == "cy"
    assert POLICY.person_of(CY) is None
    assert not POLICY.is_member(CY)
    assert not POLICY.has_role(CY, Role.EXECUTOR)
    assert not POLICY.has_role(CY, Role.DEPLOYER)
    assert not POLICY.may("cy", Role.DEPLOYER, "shop", "production")
    assert POLICY.who_has(Role.EXECUTOR) == ()
    assert POLICY.people() == ("ana", "bo")


def test_a_stranger_is_nobody() -> None:
    stranger = DeviceKey.from_seed(b"\xfe" * 32).id
    assert POLICY.person_of(stranger) is None
    assert POLICY.name_of(stranger) == stranger[:8]
    assert not any(POLICY.has_role(stranger, role) for role in Role)
    assert not POLICY.may("nobody", Role.DEPLOYER, "shop", "production")


def test_device_roles_are_of_one_device_and_person_roles_of_all() -> None:
    assert POLICY.devices_of("bo") == (BO, BO2)
    assert (POLICY.has_role(BO, Role.COLLECTOR), POLICY.has_role(BO2, Role.COLLECTOR)) == (
        True,
        False,
    )
    assert POLICY.has_role(BO2, Role.DEPLOYER)
    assert POLICY.who_has(Role.COLLECTOR) == ("ana", "bo")
    assert POLICY.may("ana", Role.ADMIN, "shop", "production")


@pytest.mark.parametrize(
    ("pattern", "target", "environment", "matches"),
    [
        ("*/*", "shop", "production", True),
        ("shop/*", "shop", "production", True),
        ("shop/*", "shop2", "production", False),
        ("shop/production", "shop", "staging", False),
        ("*/stag*", "shop", "staging", True),
        ("shop/*", "shop/production", "x", False),
        ("*/production", "a", "b/production", False),
        ("SHOP/*", "shop", "x", False),
    ],
)
def test_patterns_match_each_half(
    pattern: str, target: str, environment: str, *, matches: bool
) -> None:
    policy = msgspec.structs.replace(POLICY, grants=(Grant(Role.DEPLOYER, "bo", pattern),))
    assert policy.may("bo", Role.DEPLOYER, target, environment) is matches
    assert not policy.may("bo", Role.APPROVER, target, environment)
    assert not policy.may("ana", Role.DEPLOYER, target, environment)


@pytest.mark.parametrize(
    "changes",
    [
        {"admins": ()},
        {"admins": (ANA, ANA)},
        {"admins": ("not-a-device",)},
        {"admins": (CY,)},
        {"admins": (DeviceKey.from_seed(b"\xfe" * 32).id,)},
        {"threshold": 0},
        {"threshold": 2},
        {"collectors": (BO, BO)},
        {"executors": (ANA.upper(),)},
        {"persons": {ANA: ""}},
        {"persons": {ANA: "a\nb"}},
        {"persons": {"x": "bo"}},
        {"name": ""},
        {"issued": 0},
        {"issued": 3_000},
        {"expires": 1 << 60},
        {"retention_days": 0},
        {"audit_days": 0},
        {"audit_days": 3651},
        {"issuers": {}},
        {"issuers": {CY: Issuer(b"certificate", b"key")}},
        {"issuers": {ANA: Issuer(b"", b"key")}},
        {"issuers": {ANA: Issuer(b"x" * 3000, b"key")}},
        {"issuers": {ANA: Issuer(b"x", b"key"), BO: Issuer(b"x", b"key")}},
        {"recovery": "x"},
        {"recovery": BO},
        {"revoked": {CY: Revocation(1, "", (End(b"x", 1, bytes(16)),))}},
        {"revoked": {CY: Revocation(1, "", (End(bytes(FEED_BYTES), 0, bytes(16)),))}},
        {"grants": (Grant(Role.ADMIN, "bo", "*/*"),)},
        {"grants": (Grant(Role.DEPLOYER, "bo", "shop"),)},
        {"revoked": {"x": Revocation(1, "")}},
    ],
    ids=str,
)
def test_a_policy_that_contradicts_itself_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        check_policy(msgspec.structs.replace(POLICY, **changes))


@pytest.mark.parametrize("name", ["ana", "Ana Böhm", "o'neil", "a.b@c", "李雷", "x" * 40])
def test_names_of_people(name: str) -> None:
    check_name(name, "person")


@pytest.mark.parametrize(
    "name", ["", " ana", "-ana", "a\tb", "a<b>", "x" * 41, "a  b", "ana\u202e", "a/b", "a\n"]
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(PolicyError, match="is not a name"):
        check_name(name, "person")


@given(st.text(max_size=60))
def test_a_name_that_is_taken_is_shown_as_it_is(name: str) -> None:
    try:
        check_name(name, "person")
    except PolicyError:
        return
    assert clean(name, 40) == name
    assert fold(name) == fold(name.upper().lower()) or not name.isascii()


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("ana", "аnа"),
        ("ana", "ＡＮＡ"),
        ("Ian", "lan"),
        ("bob", "b0b"),
        ("hope", "НОРЕ"),
        ("tom", "ΤΟΜ"),
        ("capa", "сара"),
        ("ana", "𝐚na"),
    ],
)
def test_a_name_that_passes_for_another_is_taken(name: str, alike: str) -> None:
    assert fold(name) == fold(alike)


def test_names_that_nobody_takes_for_each_other_are_not_taken() -> None:
    names = [
        "ana",
        "anna",
        "andré",
        "andre",
        "мария",
        "марина",
        "δημήτρης",
        "王伟",
        "bo",
        "bob",
        "o'neil",
    ]
    assert len({fold(name) for name in names}) == len(names)


def test_grants_are_checked() -> None:
    check_grant(Grant(Role.DEPLOYER, "bo", "shop/production"))
    for pattern in ("", "shop", "/", "a/b/c", "a b/c", "shop/\n"):
        with pytest.raises(PolicyError, match="TARGET/ENVIRONMENT"):
            check_grant(Grant(Role.DEPLOYER, "bo", pattern))


def test_the_roster_lists_everybody() -> None:
    people = {member.person: member for member in roster(POLICY)}
    assert list(people) == ["ana", "bo", "cy"]
    assert people["ana"].roles == (Role.ADMIN, Role.ISSUER, Role.COLLECTOR, Role.APPROVER)
    assert people["bo"].devices == (BO, BO2)
    assert people["bo"].grants == (Grant(Role.DEPLOYER, "bo", "shop/*"),)
    assert (people["cy"].devices, people["cy"].revoked, people["cy"].roles) == ((), (CY,), ())
