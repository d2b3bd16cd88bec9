"""Preferences count as soon as their file is written."""

from __future__ import annotations

from devstream_desktop.desk.preferences import Icon
from devstream_desktop.desktop.client.preferences import LivePreferences


def test_a_change_counts_and_a_mistake_changes_nothing(qtbot, tmp_path):
    path = tmp_path / "desk.toml"
    live = LivePreferences(path)
    assert live.current.icon is Icon.WORST
    with qtbot.waitSignal(live.changed, timeout=10_000):
        path.write_text('icon = "production"')
    assert live.current.icon is Icon.PRODUCTION
    with qtbot.waitSignal(live.changed, timeout=10_000):
        path.write_text('icon = "blue"')
    assert live.current.icon is Icon.PRODUCTION
    assert "icon must be" in live.mistake
    with qtbot.waitSignal(live.changed, timeout=10_000):
        path.unlink()
    assert (live.current.icon, live.mistake) == (Icon.WORST, "")
