from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.mesh.overlay import (
    BACKOFF_MAX_MS,
    LATELY_MS,
    MAX_FAILURES,
    MAX_KNOWN,
    RETURN_MS,
    STEADY_MS,
    Overlay,
    Source,
    neighbours,
)

NOW = 1_700_000_000_000


def overlay(count, source=Source.GOSSIP, seed=1):
    table = Overlay("me", random.Random(seed))
    for n in range(count):
        table.learn(f"10.0.{n % 3}.{n}:7000", source, f"device{n}")
    return table


def test_a_small_team_is_dialed_whole_and_a_large_one_in_part():
    assert len(overlay(8).choose([], [], NOW)) == 8
    assert len(overlay(30).choose([], [], NOW)) == 3
    assert len(overlay(200).choose([], [], NOW)) == 4
    assert neighbours(3000) == 6


def test_who_is_linked_already_is_not_dialed_again():
    table = overlay(3)
    assert table.choose([], ["device0", "device1"], NOW) == ["10.0.2.2:7000"]


def test_what_a_person_named_is_dialed_whatever_the_number():
    table = overlay(30)
    for n in range(5):
        table.learn(f"192.168.0.{n}:7000", Source.STATIC)
    chosen = table.choose([], [], NOW)
    assert {f"192.168.0.{n}:7000" for n in range(5)} <= set(chosen)


def test_other_subnets_come_first():
    table = Overlay("me", random.Random(3))
    for n in range(40):
        table.learn(f"10.0.0.{n}:7000", Source.GOSSIP, f"near{n}")
    table.learn("10.9.9.9:7000", Source.GOSSIP, "far")
    assert "10.9.9.9:7000" in table.choose(["10.0.0.1:7000"], ["near1"], NOW)


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
    table.lost("10.0.0.0:7000", now + STEADY_MS)
    assert table.choose([], [], now + 10 * BACKOFF_MAX_MS) == []  # it never came back, so it is forgotten


def test_a_peer_that_accepts_and_cuts_off_cannot_defeat_the_back_off():
    table = overlay(1, Source.STATIC)
    now = NOW
    for _ in range(10):
        table.linked("10.0.0.0:7000", "device0", now)
        table.lost("10.0.0.0:7000", now + 100, was_up=True)
        (known,) = table.all()
        last, now = known.next_try - now, known.next_try
    assert last > BACKOFF_MAX_MS / 2


def test_an_address_nobody_named_is_forgotten_and_one_that_was_named_is_not():
    for source, left in ((Source.GOSSIP, 0), (Source.STATIC, 1)):
        table = overlay(1, source)
        for _ in range(MAX_FAILURES + 1):
            table.lost("10.0.0.0:7000", NOW)
        assert len(list(table.all())) == left


def test_the_table_is_bounded_and_rumours_push_out_nobody_better():
    table = overlay(MAX_KNOWN, Source.STATIC)
    assert not table.learn("10.1.1.1:7000", Source.GOSSIP, "x")
    table = overlay(MAX_KNOWN)
    assert table.learn("10.1.1.1:7000", Source.HINT, "x")
    assert len(list(table.all())) == MAX_KNOWN


def test_our_own_address_is_never_dialed():
    table = overlay(1)
    table.is_self("10.0.0.0:7000")
    assert not table.learn("10.0.0.0:7000", Source.DISCOVERED)
    assert table.choose([], [], NOW) == []


def test_only_who_was_reached_is_told_to_others():
    table = overlay(4)
    table.linked("10.0.1.1:7000", "device1", NOW)
    table.linked("10.0.2.2:7000", "device2", NOW + 1)
    assert [known.device for known in table.good(16)] == ["device2", "device1"]
    assert [known.device for known in table.good(16, besides="device2")] == ["device1"]
