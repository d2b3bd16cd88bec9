"""Atom feed of lines (RFC 4287), pure.

An entry is a fact and never changes its id. No link names the feed's own address: it may hold the
token, and a feed is passed on.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from urllib.parse import quote
from xml.etree import ElementTree as ET

from devstream_desktop import __version__
from devstream_desktop.outlet.body import fields_of
from devstream_desktop.outlet.config import Outlet
from devstream_desktop.stream.fact import fact_id
from devstream_desktop.stream.line import render
from devstream_desktop.stream.record import timestamp
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean

CONTENT_TYPE = "application/atom+xml; charset=utf-8"
_NAMESPACE = "http://www.w3.org/2005/Atom"
_SPACE = uuid.UUID("7b3b1d0e-5a0f-4c9e-9d53-1f1b0c6f2f61")
"""Namespace of our names in UUIDs of version 5 (RFC 9562)."""
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets)."""
_NO_URI = re.compile(r'[\x00-\x20"<>\\^`{|}\x7f]|%(?![0-9A-Fa-f]{2})')
"""Characters that stand in no URI (RFC 3986)."""
_LONG = 1000


def feed(outlet: Outlet, team: str, lines: Sequence[Line]) -> bytes:
    """Write a feed.

    Args:
        outlet: its name and search are its title, and it has an id of its own.
        team: the author of what names none.
        lines: the newest first.

    """
    root = ET.Element("feed", xmlns=_NAMESPACE)
    _add(root, "id", _urn(f"feed/{outlet.name}/{outlet.made}"))
    team = _plain(team) or "devstream"
    _add(root, "title", f"{team}: {outlet.search or outlet.name}", type="text")
    newest = max((line.received for line in lines), default=outlet.since)
    _add(root, "updated", timestamp(newest))
    _add(ET.SubElement(root, "author"), "name", team)
    _add(root, "generator", "devstream", version=__version__)
    for line in lines:
        root.append(_entry(line))
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _entry(line: Line) -> ET.Element:
    event = line.event
    entry = ET.Element("entry")
    # As the history tells one row from another, so that no two entries have one id.
    _add(entry, "id", _urn(f"entry/{fact_id(event, line.device).hex()}"))
    _add(entry, "title", render(event, line.transition), type="text")
    _add(entry, "updated", timestamp(line.received))
    _add(entry, "published", timestamp(event.time))
    if actor := _plain(event.actor):
        _add(ET.SubElement(entry, "author"), "name", actor)
    for term in map(_plain, (event.kind, event.state, event.service, event.environment)):
        if term:
            ET.SubElement(entry, "category", term=term)
    if event.url.startswith(("https://", "http://")):
        ET.SubElement(entry, "link", rel="alternate", href=_uri(event.url))
    told = (f"{name}: {value}" for name, value in fields_of(event, line.transition).items())
    _add(entry, "content", "\n".join(map(_plain, told)), type="text")
    return entry


def _add(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    element = ET.SubElement(parent, name, attributes)
    # Only a content has lines, and they are clean each.
    element.text = text if name == "content" else _plain(text)


def _plain(text: str) -> str:
    """Clean a text once more: another version may have stored it."""
    return _NO_XML.sub("\ufffd", clean(text, _LONG))


def _uri(address: str) -> str:
    return _NO_URI.sub(lambda match: quote(match[0], safe=""), _NO_XML.sub("", address))


def _urn(name: str) -> str:
    return uuid.uuid5(_SPACE, name).urn
