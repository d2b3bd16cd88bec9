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
from look import HERE, HISTORY, PEERS
from seed import Seed

from devstream_desktop.home import Home
from devstream_desktop.stream.event import encode_event
from devstream_desktop.stream.words import Kind

SCREEN = "1680x800"
TRAY = ("1600", "15")
WINDOW = ("20", "60", "1110", "690")
"""Place and size of the window: left of the popups."""
CROP = "1680x790+0+0"
COLOURS = "128"


def picture(out: Path) -> None:
    """Write the picture."""
    with look.session(dark=False, screen=SCREEN) as desk:
        home = desk.folder / "home"
        os.environ["XDG_RUNTIME_DIR"] = desk.env["XDG_RUNTIME_DIR"]
        (Home(home).runtime() / "told-hidden").touch()  # its popup would stand before the others
        desk.start(sys.executable, str(HERE / "fake_node.py"), str(home), log="node")
        now = look.now()
        events = Seed(now).events(300, days=3)
        # The last two are news, which pop up.
        desk.order(events=[encode_event(event) for event in events], age=30_000)
        desk.start(sys.executable, str(HERE / "start_desk.py"), str(home), log="desk")
        desk.wait_item()
        desk.order(status={"peers": PEERS, "on_duty": True})
        ticket = story.event(
            Kind.TICKET,
            "opened",
            "search",
            now,
            "ticket/search/SEA-91",
            number="SEA-91",
            actor="QA",
            title="Search finds nothing for 'größe'",
        )
        failed = story.deploy(
            "billing",
            now,
            "failure",
            story.SHAS["vat"],
            "ef" * 16,
            who="chen",
            duration=41_000,
            reason="exit 3: health check of billing-2 timed out",
        )
        desk.order(events=[encode_event(event) for event in (ticket, failed)])
        time.sleep(1.5)  # both popups are drawn
        desk.run("xdotool", "mousemove", *TRAY, "click", "1")
        desk.run("xdotool", "mousemove", "1300", "700")
        window = desk.window(HISTORY)
        desk.run("xdotool", "windowsize", window, *WINDOW[2:])
        desk.run("xdotool", "windowmove", window, *WINDOW[:2])
        desk.run("xdotool", "windowfocus", "--sync", window, "key", "Down")
        time.sleep(1)
        desk.picture(out, CROP)
    subprocess.run(
        ["convert", str(out), "+dither", "-colors", COLOURS, "-strip", f"PNG8:{out}"], check=True
    )


if __name__ == "__main__":
    picture(Path(sys.argv[1]))
