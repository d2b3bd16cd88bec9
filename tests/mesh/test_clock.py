from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.mesh.clock import ClockWatch, steady_ms

MINUTE = 60_000
HOUR = 60 * MINUTE


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
    assert "40 days ahead of the team's" in watch.doubt()
    watch.heard("a", 20 * MINUTE)
    assert "20 minutes behind the team's" in watch.doubt()


def test_a_jump_is_doubted_until_a_peer_confirms_it():
    watch = ClockWatch()
    watch.tick(0, 0)
    watch.tick(1000, 1000)
    assert watch.doubt() == ""
    watch.tick(3 * 60 * MINUTE, 2000)
    assert "moved by" in watch.doubt()
    watch.heard("a", 5000)
    assert watch.doubt() == ""


@pytest.mark.parametrize("error", [-1, 0, 1])
def test_a_clock_that_is_set_by_what_is_tolerated_makes_the_peers_show_theirs_anew(error):
    # Nobody knows whether theirs were set with it: without a new look a team that was set at once
    # would believe for an hour that everybody else is off.
    watch = ClockWatch()
    watch.tick(0, 0)
    watch.heard("a", 0)
    watch.tick(10 * MINUTE + error, 0)
    assert watch.steps == 1


def test_two_clocks_that_are_set_by_less_than_a_step_agree_still():
    watch = ClockWatch()
    watch.tick(0, 0)
    watch.heard("a", 0)
    watch.tick(5 * MINUTE, 0)
    assert watch.steps == 0
    watch.heard("a", -10 * MINUTE)  # it was set back by as much
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
    assert "moved by 40 days at once" in watch.doubt()
    watch.heard("a", 1000)
    assert watch.doubt() == ""
    weekend = ClockWatch(last_known=1)
    weekend.tick(2 * 24 * 60 * MINUTE, 0)
    assert weekend.doubt() == ""


def test_a_desk_alone_comes_back_from_a_holiday_without_an_alarm_and_forgets_nothing_at_first():
    watch = ClockWatch(last_known=1, alone=lambda: True)
    for hours in range(6):
        watch.tick((40 * 24 + hours) * HOUR, hours * HOUR)
        assert (watch.doubt(), watch.may_forget) == ("", False)
    watch.tick((40 * 24 + 6) * HOUR, 6 * HOUR)
    assert (watch.doubt(), watch.may_forget) == ("", True)
    watch.tick((80 * 24 + 6) * HOUR, 6 * HOUR + 1000)
    assert (watch.doubt(), watch.may_forget) == ("", False)


def test_a_desk_that_gets_company_is_doubted_like_any_other():
    others: list[str] = []
    watch = ClockWatch(last_known=1, alone=lambda: not others)
    watch.tick(40 * 24 * HOUR, 0)
    others.append("bob")
    assert "moved by 40 days at once" in watch.doubt()


def heard(*offsets: int, last_known: int = 0) -> ClockWatch:
    watch = ClockWatch(last_known)
    for n, offset in enumerate(offsets):
        watch.heard(str(n), offset)
    return watch


@pytest.mark.parametrize(
    ("offsets", "correction"),
    [
        ([2 * HOUR], 0),  # one alone
        ([2 * HOUR, -3 * HOUR], 0),  # on both sides of ours
        ([2 * HOUR, 5 * HOUR], 0),  # both after ours, and neither with the other
        ([2 * HOUR, 2 * HOUR + 5 * MINUTE], 2 * HOUR),
        ([-2 * HOUR, -2 * HOUR - 5 * MINUTE], -2 * HOUR),
        ([8 * MINUTE, 9 * MINUTE], 0),  # near enough
        ([2 * HOUR, 2 * HOUR, 4 * HOUR], 2 * HOUR),  # a third whose clock is wrong the other way
        ([2 * HOUR, 2 * HOUR, 40 * 24 * HOUR], 2 * HOUR),
        ([0, 2 * HOUR, 2 * HOUR], 0),  # two against two: all stay, instead of changing places
        ([0, 2 * HOUR, 2 * HOUR, 2 * HOUR], 2 * HOUR),
        ([0, 0, 2 * HOUR, 2 * HOUR], 0),
    ],
)
def test_the_teams_time_takes_two_that_agree_and_outweigh_ours(offsets: list[int], correction: int):
    watch = heard(*offsets)
    assert watch.correction() == correction
    assert not correction or "the team's time is used meanwhile" in watch.doubt()


@given(st.lists(st.integers(-5 * HOUR, 5 * HOUR), max_size=12), st.integers(0, 5))
def test_liars_move_nobody_whom_as_many_honest_clocks_hold(lies: list[int], honest: int):
    watch = heard(*[0] * max(honest, len(lies) - 1), *lies)
    assert watch.correction() == 0


def test_a_clock_that_is_set_right_needs_no_correction_from_that_moment():
    watch = heard(2 * HOUR, 2 * HOUR)
    watch.tick(0, 0)
    watch.tick(2 * HOUR + 1000, 1000)
    assert (watch.correction(), watch.doubt(), watch.steps) == (0, "", 1)


def test_peers_that_are_set_right_give_us_our_clock_back():
    watch = heard(2 * HOUR, 2 * HOUR)
    watch.heard("0", 0)
    assert watch.correction() == 0


def test_after_a_step_nobody_moves_us_who_has_not_been_heard_since():
    """After a pause of a virtual machine its steady clock would make ours seem ahead."""
    watch = heard(0, 0)
    watch.tick(0, 0)
    watch.tick(40 * 24 * HOUR, 1000)
    assert watch.correction() == 0
    assert "ahead of the team's" in watch.doubt()
    watch.heard("0", 0)
    watch.heard("1", 0)
    assert (watch.correction(), watch.doubt()) == (0, "")


def test_a_start_behind_the_log_is_doubted_and_late_until_a_peer_shows_its_clock():
    watch = ClockWatch(last_known=3 * HOUR)
    watch.tick(HOUR, 0)
    assert "2 hours behind the newest event here" in watch.doubt()
    assert watch.late
    assert not watch.certain
    watch.tick(HOUR + 30 * MINUTE, 1000)
    assert "90 minutes behind the newest event here" in watch.doubt()
    watch.heard("a", 1000)
    assert (watch.doubt(), watch.late, watch.certain) == ("", False, True)


def test_a_clock_that_runs_a_little_slow_is_not_late():
    watch = ClockWatch(last_known=HOUR)
    for second in range(0, 14_400, 10):
        watch.tick(2 * HOUR + second * 900, second * 1000)
    assert watch.doubt() == ""


def test_a_clock_is_late_where_a_peer_finds_it_behind_but_not_where_it_is_ahead():
    assert heard(2 * HOUR).late
    assert not heard(-2 * HOUR).late
    assert not heard(2 * HOUR, 2 * HOUR).late, "the team's time is known"
    assert not heard(0).late


def test_the_steady_clock_runs():
    before = steady_ms()
    assert before <= steady_ms() < before + 60_000


def test_two_who_lie_together_do_not_move_a_clock_that_they_found_right_before():
    watch = ClockWatch()
    watch.tick(0, 0)
    for device in "ab":
        watch.heard(device, 1000)
    for device in "ab":
        watch.heard(device, 90 * MINUTE)
    assert watch.correction() == 0
    assert "it agreed with them before" in watch.doubt()


@pytest.mark.parametrize("steps", [[90], [8, 8]])
def test_whose_clock_was_set_since_is_corrected_all_the_same(steps):
    watch = ClockWatch()
    watch.tick(0, 0)
    for device in "ab":
        watch.heard(device, 0)
    wall = 0
    for number, step in enumerate(steps, 1):
        wall += step * MINUTE + 1000
        watch.tick(wall, number * 1000)
    for device in "ab":
        watch.heard(device, -sum(steps) * MINUTE)
    assert watch.correction() == -sum(steps) * MINUTE


def told(*minutes):
    """A watch whose peers' clocks are so many minutes ahead of ours."""
    watch = ClockWatch()
    watch.tick(0, 0)
    for number, offset in enumerate(minutes):
        watch.heard(str(number), offset * MINUTE)
    return watch


@pytest.mark.parametrize("lie", [120, -120, 60 * 24 * 365])
def test_one_who_lies_beside_one_who_does_not_changes_nothing(lie):
    watch = told(0, lie)
    assert watch.doubt() == ""
    assert watch.correction() == 0
    assert watch.certain
    assert not watch.late


def test_a_clock_moves_for_a_majority_only():
    assert told(9, 19, 19).correction() == 0
    assert told(19, 19).correction() == 19 * MINUTE


def test_two_who_lie_later_do_not_have_a_right_clock_stamp_by_the_log():
    watch = told(0, 0)
    watch.heard("0", 120 * MINUTE)
    watch.heard("1", 120 * MINUTE)
    assert watch.doubt()
    assert not watch.late


@given(honest=st.lists(st.integers(-9, 9), min_size=1, max_size=6), data=st.data())
def test_fewer_liars_than_honest_clocks_move_nothing_and_stop_nothing(honest, data):
    lies = data.draw(st.lists(st.integers(-100_000, 100_000), max_size=len(honest)))
    watch = told(*data.draw(st.permutations([*honest, *lies])))
    assert watch.doubt() == ""
    assert watch.correction() == 0
