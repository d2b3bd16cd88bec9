from __future__ import annotations

from devstream_desktop.mesh.clock import ClockWatch

MINUTE = 60_000


def test_a_clock_near_the_peers_is_believed():
    watch = ClockWatch()
    for n, offset in enumerate((-9 * MINUTE, 0, 3 * MINUTE)):
        watch.heard(str(n), offset)
    assert watch.doubt() == ""


def test_the_median_decides_so_one_wild_peer_does_not():
    watch = ClockWatch()
    for n, offset in enumerate((0, 1000, 90 * MINUTE)):
        watch.heard(str(n), offset)
    assert watch.doubt() == ""


def test_a_clock_far_from_the_team_is_doubted_and_says_which_way():
    watch = ClockWatch()
    watch.heard("a", -40 * 24 * 60 * MINUTE)
    assert "57600 min ahead of the team's" in watch.doubt()
    watch.heard("a", 20 * MINUTE)
    assert "20 min behind the team's" in watch.doubt()


def test_a_jump_is_doubted_until_a_peer_confirms_it():
    watch = ClockWatch()
    watch.tick(0, 0)
    watch.tick(1000, 1000)
    assert watch.doubt() == ""
    watch.tick(3 * 60 * MINUTE, 2000)
    assert "moved by" in watch.doubt()
    watch.heard("a", 5000)
    assert watch.doubt() == ""


def test_setting_the_clock_right_ends_the_doubt_without_hearing_again():
    watch = ClockWatch()
    watch.tick(0, 0)
    watch.heard("a", 30 * MINUTE)
    assert watch.doubt()
    watch.tick(30 * MINUTE + 1000, 1000)
    assert watch.doubt() == ""
    assert watch.offset("a") == 0


def test_a_machine_that_starts_far_past_all_it_knows_is_doubted_until_a_peer_confirms_it():
    watch = ClockWatch(last_known=1)
    watch.tick(40 * 24 * 60 * MINUTE, 0)
    assert "moved by 57" in watch.doubt()
    watch.heard("a", 1000)
    assert watch.doubt() == ""
    weekend = ClockWatch(last_known=1)
    weekend.tick(2 * 24 * 60 * MINUTE, 0)
    assert weekend.doubt() == ""
