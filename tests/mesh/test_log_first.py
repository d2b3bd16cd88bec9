"""A backlog: its newest lines are seen at once, the rest is in the log before it has lines."""

from __future__ import annotations

from devstream_desktop.history.reader import Reader
from devstream_desktop.mesh.backlog import FIRST_NUMBERS


async def test_the_newest_are_seen_first_and_the_log_is_whole_before_the_rest_is(
    make_node, monkeypatch
) -> None:
    source = await make_node()
    for part in range(3):
        await source.say(*(f"commit {part}.{n}" for n in range(1000)))
    fresh = await make_node()
    history, seen = fresh.history, []
    add = history.add

    def noted(arrivals, **how):
        done = add(arrivals, **how)
        seen.append((history.newest(), history.seen()))
        return done

    monkeypatch.setattr(history, "add", noted)
    groups = []
    history.on_group = lambda: groups.append(history.seen())
    fresh.mesh.add_peer(source.address)
    await fresh.until(lambda: history.seen() == 3000)
    newest = {f"commit 2.{n}" for n in range(1000 - FIRST_NUMBERS, 1000)}
    assert set(fresh.titles()[:FIRST_NUMBERS]) == newest
    assert (FIRST_NUMBERS, FIRST_NUMBERS) in seen
    # However busy the machine is, some of it waits.
    assert max(stored - shown for stored, shown in seen) > 0
    assert groups[-1] == 3000, "whoever waits for lines is told"
    await fresh.until(lambda: fresh.mesh.catch_up() == (0, 0))
    with Reader(history.path) as reader:
        assert [line.arrival for line in reader.all_since(0)] == list(range(1, 3001))
    # What is live has a line as soon as it is there.
    await source.say("live")
    await fresh.until(lambda: fresh.titles()[-1] == "live")
    assert history.seen() == 3001


async def test_a_stop_waits_for_no_line_and_the_next_start_makes_them(
    make_node, monkeypatch
) -> None:
    monkeypatch.setattr("devstream_desktop.history.unread.STEP", 1)
    source = await make_node()
    await source.say(*(f"commit {n}" for n in range(1000)))
    fresh = await make_node(peers=[source], name="fresh")
    await fresh.until(lambda: fresh.history.newest() == 1000)
    make_node.nodes.remove(fresh)
    await fresh.mesh.stop()
    assert fresh.history.unread > 0
    fresh.history.close()
    back = await make_node(peers=[source], name="fresh", signing=fresh.signing)
    assert back.history.seen() == 1000
