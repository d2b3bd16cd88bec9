"""Safe forms of text from outside, for menus and popups.

A menu swallows `&` and splits at tabs; a notification server may interpret tags. Each function here
is the safe form for one of those places. `text.py` has the widgets.
"""

from __future__ import annotations

from devstream_desktop.stream.text import clean

_POPUP = str.maketrans({"<": "‹", ">": "›", "&": "＆"})


def button_text(text: str) -> str:
    """Return `text` for a button or a menu.

    In it `&` makes no access key and a tab no shortcut.
    """
    # Two spaces set a line's service apart from the rest; cleaning folds them.
    return "  ".join(clean(part, 140) for part in text.split("  ")).replace("&", "&&")


menu_text = button_text


def popup_text(text: str) -> str:
    """Return `text` for a notification or a tooltip.

    Look-alikes replace `<`, `>` and `&`, so that it reads the same on a server that interprets
    markup and on one that does not.
    """
    return clean(text, 200).translate(_POPUP)
