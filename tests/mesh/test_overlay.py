from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.mesh.overlay.backoff import (
    BACKOFF_MAX_MS,
    FULL_MIN_MS,
    LATELY_MS,
    RETURN_MS,
    STEADY_MS,
)
from devstream_desktop.mesh.overlay.choice import MAX_UNDER_WAY, NEIGHBOURS, SLOW_MS, SUBNETS
from devstream_desktop.mesh.overlay.known import Source
from devstream_desktop.mesh.overlay.table import (
    ACCEPT_CAP,
    KEEP_MS,
    MAX_FAILURES,
    MAX_KNOWN,
    MAX_OF_SUBNET,
    Overlay,
    has_room,
)

NOW = 1_700_000_000_000


def overlay(count, source=Source.GOSSIP, seed=1):
    table = Overlay("me", random.Random(seed))
    for n in range(count):
        table.learn(f"10.0.{n // 250}.{n % 250}:7000", source, f"device{n}")
    return table


def test_a_small_team_is_dialed_whole_and_a_large_one_in_part():
    assert len(overlay(8).choose([], [], NOW)) == 8
    assert (
        len(overlay(30).choose([], [], NOW)) == len(overlay(120).choose([], [], NOW)) == NEIGHBOURS
    )


def test_who_is_linked_already_is_not_dialed_again():
    table = overlay(3)
    assert table.choose([], ["device0", "device1"], NOW) == ["10.0.0.2:7000"]


def test_what_a_person_named_is_dialed_whatever_the_number():
    table = overlay(30)
    for n in range(5):
        table.learn(f"192.168.0.{n}:7000", Source.STATIC)
    chosen = table.choose([], [], NOW)
    assert {f"192.168.0.{n}:7000" for n in range(5)} <= set(chosen)


def linked(table, count):
    """The first `count` of `overlay` are neighbours: their addresses and devices."""
    busy, devices = [f"10.0.0.{n}:7000" for n in range(count)], [f"device{n}" for n in range(count)]
    for address, device in zip(busy, devices, strict=True):
        table.linked(address, device, NOW)
    return busy, devices


def test_each_other_subnet_gets_a_neighbour_although_there_are_enough():
    table = overlay(40)
    busy, devices = linked(table, NEIGHBOURS)
    assert table.choose(busy, devices, NOW) == []
    for n in range(5):
        table.learn(f"10.9.9.{n}:7000", Source.GOSSIP, f"far{n}")
        table.learn(f"10.8.8.{n}:7000", Source.GOSSIP, f"away{n}")
    assert sorted(address[:4] for address in table.choose(busy, devices, NOW)) == ["10.8", "10.9"]
    table.learn("10.8.8.1:7000", Source.GOSSIP, "away1", seen=True)
    both = [*busy, "10.8.8.1:7000"], [*devices, "away1", "far2"]
    assert [address[:4] for address in table.choose(*both, NOW)] == ["10.9"], (
        "that it is there is only a rumour"
    )
    table.learn("10.9.9.2:7000", Source.GOSSIP, "far2", seen=True)
    assert table.choose(*both, NOW) == [], "dialed and accepted neighbours count"


def test_a_subnet_for_each_peer_is_no_reason_to_dial_them_all():
    table = Overlay("me", random.Random(1))
    for n in range(60):
        table.learn(f"100.64.{n}.1:7000", Source.GOSSIP, f"device{n}")
    assert len(table.choose([], [], NOW)) == SUBNETS


def test_addresses_that_do_not_answer_hold_no_place_for_long():
    table = overlay(30)
    first = table.choose([], [], NOW)
    assert table.choose(first, [], NOW + SLOW_MS - 1) == []
    more = table.choose(first, [], NOW + SLOW_MS)
    assert len(more) == NEIGHBOURS
    assert not set(more) & set(first)
    assert (
        len(table.choose([*first, *more], [], NOW + 2 * SLOW_MS)) == MAX_UNDER_WAY - 2 * NEIGHBOURS
    )


def test_a_subnet_where_nobody_ever_answered_is_tried_ever_more_seldom():
    table = overlay(30)
    busy, devices = linked(table, NEIGHBOURS)
    for n in range(50):
        table.learn(f"10.9.9.{n}:7000", Source.GOSSIP, f"far{n}")
    tries = 0
    for second in range(600):
        for address in table.choose(busy, devices, NOW + second * 1000):
            tries += 1
            table.lost(address, NOW + second * 1000)
    assert 5 < tries < 25
    assert any("10.9.9" in address for address in table.choose([], [], NOW + 600_000)), (
        "who has nobody at all tries everything"
    )
    table.learn("10.9.9.77:7000", Source.DISCOVERED)
    assert len(table.choose(busy, devices, NOW + 600_000)) == 1, (
        "one that announces itself is reason to try at once"
    )


def test_who_is_let_go_for_another_is_not_the_only_one_of_a_subnet():
    table = overlay(30)
    busy, _devices = linked(table, 3)
    table.linked("10.9.9.9:7000", "far", NOW)
    assert {table.to_shuffle([*busy, "10.9.9.9:7000"]) for _ in range(100)} == set(busy)
    assert table.to_shuffle(["10.9.9.9:7000"]) == "10.9.9.9:7000"
    assert overlay(8).to_shuffle(["10.0.0.1:7000"]) is None


def test_two_addresses_of_one_device_are_not_dialed_at_once():
    table = Overlay("me", random.Random(1))
    table.learn("10.0.0.1:7000", Source.GOSSIP, "a")
    table.learn("10.0.1.1:7000", Source.GOSSIP, "a")
    assert len(table.choose([], [], NOW)) == 1


@given(st.integers(1, MAX_FAILURES), st.booleans(), st.integers(0, 1000))
def test_back_off_grows_with_jitter_and_is_bounded(failures, refused, seed):
    table = overlay(1, Source.STATIC, seed)
    waits = []
    for _ in range(failures):
        table.lost("10.0.0.0:7000", NOW, refused=refused)
        (known,) = table.all()
        waits.append(known.next_try - NOW)
    assert all(500 <= wait <= BACKOFF_MAX_MS for wait in waits)
    assert table.choose([], [], NOW) == []
    assert table.choose([], [], NOW + BACKOFF_MAX_MS) == ["10.0.0.0:7000"]


def test_a_steady_link_that_broke_is_dialed_again_soon_for_an_hour():
    table = overlay(1)
    for _ in range(6):
        table.lost("10.0.0.0:7000", NOW)
    table.linked("10.0.0.0:7000", "device0", NOW)
    now = NOW + STEADY_MS
    table.lost("10.0.0.0:7000", now, was_up=True)
    (known,) = table.all()
    assert known.next_try - now <= 1000
    while now < NOW + LATELY_MS:
        table.lost("10.0.0.0:7000", now)
        assert known.next_try - now <= RETURN_MS
        now = known.next_try + 8000
    for _ in range(2 * MAX_FAILURES):
        now += BACKOFF_MAX_MS
        table.lost("10.0.0.0:7000", now)
    assert table.choose([], [], now + BACKOFF_MAX_MS) == ["10.0.0.0:7000"], (
        "two halves of a network must find each other again"
    )
    table.lost("10.0.0.0:7000", NOW + KEEP_MS + 1)
    assert list(table.all()) == []


def test_a_peer_that_accepts_and_cuts_off_cannot_defeat_the_back_off():
    table = overlay(1, Source.STATIC)
    now = NOW
    for _ in range(10):
        table.linked("10.0.0.0:7000", "device0", now)
        table.lost("10.0.0.0:7000", now + 100, was_up=True)
        (known,) = table.all()
        last, now = known.next_try - now, known.next_try
    assert last > BACKOFF_MAX_MS / 2


def test_a_full_peer_is_left_alone_for_a_while():
    table = overlay(1, Source.STATIC)
    table.lost("10.0.0.0:7000", NOW, refused=True, full=True)
    assert table.choose([], [], NOW + FULL_MIN_MS // 2 - 1) == []
    assert table.choose([], [], NOW + FULL_MIN_MS) == ["10.0.0.0:7000"]


def test_a_node_is_full_at_its_cap_but_not_for_whom_it_serves():
    served = {f"device{n}" for n in range(ACCEPT_CAP)}
    assert not has_room(served, "another")
    assert has_room(served, "device3")
    assert has_room(set(list(served)[1:]), "another")


def test_a_rumour_that_proves_wrong_is_forgotten_and_what_somebody_vouches_for_is_not():
    for source, left in (
        (Source.GOSSIP, 0),
        (Source.DISCOVERED, 0),
        (Source.HINT, 1),
        (Source.STATIC, 1),
    ):
        table = overlay(1, source)
        for _ in range(MAX_FAILURES + 1):
            table.lost("10.0.0.0:7000", NOW)
        assert len(list(table.all())) == left


def test_the_table_is_bounded_and_rumours_push_out_nobody_better():
    table = Overlay("me", random.Random(1))
    for n in range(MAX_KNOWN):
        table.learn(f"10.0.{n % 5}.{n}:7000", Source.DISCOVERED, f"device{n}")
    assert not table.learn("10.1.1.1:7000", Source.GOSSIP, "x")
    assert table.learn("10.1.1.1:7000", Source.HINT, "x")
    assert len(list(table.all())) == MAX_KNOWN
    for known in list(table.all()):
        table.linked(known.address, known.device, NOW)
    assert not table.learn("10.1.1.2:7000", Source.GOSSIP, "y")


def test_a_crowded_subnet_leaves_room_for_others():
    table = overlay(200, Source.DISCOVERED)
    assert len(list(table.all())) == MAX_OF_SUBNET
    assert table.learn("10.1.1.1:7000", Source.GOSSIP, "x")


def test_our_own_address_is_never_dialed():
    table = overlay(1)
    table.is_self("10.0.0.0:7000")
    assert not table.learn("10.0.0.0:7000", Source.DISCOVERED)
    assert table.choose([], [], NOW) == []


def test_only_who_was_reached_is_told_to_others():
    table = overlay(4)
    table.linked("10.0.0.1:7000", "device1", NOW)
    table.linked("10.0.0.2:7000", "device2", NOW + 1)
    assert [known.device for known in table.good(16)] == ["device2", "device1"]
    assert [known.device for known in table.good(16, besides="device2")] == ["device1"]
