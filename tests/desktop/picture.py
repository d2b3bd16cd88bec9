"""Makes README's picture, tray, popups and history: `python tests/desktop/picture.py OUT.png`.

The same desk as in look.py, once, light; few colours keep the file small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import look
import story
from look import AWAY, HERE, HISTORY, PEERS, TRAY

from devstream_desktop.home import Home
from devstream_desktop.stream.event import encode_event

WINDOW = ("24", "62", "790", "560")
"""Place and size of the history: left of the popups."""
CROP = "1280x650+0+0"
COLOURS = "96"


def picture(out: Path) -> None:
    """Write the picture."""
    with look.session(dark=False) as desk:
        home = desk.folder / "home"
        os.environ["XDG_RUNTIME_DIR"] = desk.env["XDG_RUNTIME_DIR"]
        (Home(home).runtime() / "told-hidden").touch()  # its popup would stand before the others
        desk.start(sys.executable, str(HERE / "fake_node.py"), str(home), log="node")
        desk.order(events=[encode_event(event) for event in story.day(look.now())], age=30_000)
        desk.start(sys.executable, str(HERE / "start_desk.py"), str(home), log="desk")
        desk.wait_item()
        desk.order(status={"peers": PEERS, "on_duty": True})
        now = look.now()
        pushed = story.push(
            "checkout", now, "bo", "Show the delivery date in the basket", "9ab3c41" * 5 + "9ab3c"
        )
        failed = story.deploy(
            "shop",
            now,
            "failure",
            story.SHAS["vat"],
            "ef" * 16,
            who="chen",
            duration=41_000,
            reason="exit 3: health check",
        )
        desk.order(events=[encode_event(event) for event in (pushed, failed)])
        time.sleep(1.5)  # both popups are drawn
        desk.run("xdotool", "mousemove", *TRAY, "click", "1")
        desk.run("xdotool", *AWAY)
        window = desk.window(HISTORY)
        desk.run("xdotool", "windowsize", window, *WINDOW[2:])
        desk.run("xdotool", "windowmove", window, *WINDOW[:2])
        time.sleep(1)
        desk.picture(out, CROP)
    subprocess.run(
        ["convert", str(out), "+dither", "-colors", COLOURS, "-strip", f"PNG8:{out}"], check=True
    )


if __name__ == "__main__":
    picture(Path(sys.argv[1]))
