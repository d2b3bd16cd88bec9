"""Places for strangers, against a plain model.

Never more than there are, taken from the largest share, the oldest first.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.door.crowd import Crowd, share_of

ROOM = 10
steps = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from("abc"), st.integers(0, 4)),
        st.tuples(st.just("grow"), st.integers(0, 30), st.integers(0, 12)),
        st.tuples(st.just("leave"), st.integers(0, 30), st.just(0)),
    ),
    max_size=60,
)


@given(steps)
def test_it_holds_no_more_than_its_room_and_the_oldest_of_the_largest_share_goes(
    given_steps,
) -> None:
    crowd, guests, out = Crowd(ROOM), [], []
    for what, which, weight in given_steps:
        before = {
            index: (guest.share, guest.weight)
            for index, guest in enumerate(guests)
            if index not in out and guest is not None
        }
        known = len(out)
        if what == "enter":
            number = len(guests)
            guests.append(None)
            guests[number] = crowd.enter(which, lambda number=number: out.append(number), weight)
        elif which < len(guests) and what == "grow":
            crowd.grow(guests[which], weight)
        elif which < len(guests):
            crowd.leave(guests[which])
            out.append(which)
        assert crowd.taken <= ROOM
        inside = [index for index in range(len(guests)) if index not in out]
        assert crowd.taken == sum(guests[index].weight for index in inside)
        assert len(crowd) == len(inside)
        for share in "abc":
            assert crowd.weight_of(share) == sum(
                guests[index].weight for index in inside if guests[index].share == share
            )
        if what != "leave" and len(out) == known + 1:
            (left,) = out[known:]
            share = guests[left].share
            older = [
                index
                for index in before
                if index < left and before[index][0] == share and index not in out
            ]
            assert not older, "one that came before it in its share stayed"


def test_who_crowds_takes_room_from_nobody_but_itself() -> None:
    crowd, out = Crowd(8), []
    crowd.enter("honest", lambda: out.append("honest"))
    for number in range(100):
        crowd.enter("crowd", lambda number=number: out.append(number))
    assert out == list(range(93))
    assert crowd.weight_of("honest") == 1


def test_one_may_use_all_the_room_and_gives_way_when_another_comes() -> None:
    crowd, out = Crowd(8), []
    for number in range(8):
        crowd.enter("one", lambda number=number: out.append(number))
    assert out == []
    crowd.enter("other", lambda: out.append("other"))
    assert out == [0]


def test_one_that_grows_beyond_the_room_alone_goes_itself() -> None:
    crowd, out = Crowd(8), []
    guest = crowd.enter("one", lambda: out.append("one"), 0)
    crowd.grow(guest, 9)
    assert out == ["one"]
    crowd.grow(guest, 1)
    crowd.leave(guest)
    assert (crowd.taken, len(crowd)) == (0, 0)


def test_a_guest_of_another_crowd_is_nobody_here() -> None:
    here, there = Crowd(8), Crowd(8)
    mine, theirs = here.enter("one", lambda: None), there.enter("one", lambda: None)
    here.leave(theirs)
    here.grow(theirs, 8)
    here.move(theirs, "two")
    assert (here.taken, len(here), there.taken) == (1, 1, 1)
    here.leave(mine)
    assert (here.taken, len(here)) == (0, 0)


def test_hosts_are_counted_as_one_machine_has_them() -> None:
    assert share_of("10.0.0.1") != share_of("10.0.0.2")
    assert share_of("::ffff:10.0.0.1") == share_of("10.0.0.1")
    assert share_of("2001:db8:1:2:3::4") == share_of("2001:db8:1:2::9%eth0")
    assert share_of("2001:db8:1:2::4") != share_of("2001:db8:1:3::4")
    assert share_of("a proxy's name") == "a proxy's name"
