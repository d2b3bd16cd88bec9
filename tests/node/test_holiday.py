"""A desk alone that was off for long starts as on any morning."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = pytest.mark.process

DAY_MS = 86_400_000


def test_after_a_weekend_and_a_holiday_nothing_is_wrong(world, clock) -> None:
    desk = world.desk("ana")
    for days in (0, 4, 44, 144):
        clock.set(days * DAY_MS)
        desk.start("--solo", program=clock.program)
        desk.run("emit", "--kind", "build", "--state", "failed", "--service", "shop")
        command = [*clock.program, "--home", str(desk.home.root)]
        for asked in ("doctor", "status"):
            said = subprocess.run(
                [*command, asked],
                env=desk.environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert said.returncode == 0, said.stdout
            assert "clock moved" not in said.stdout
        desk.stop()
