"""The rules files that ship with devstream: each with a `[sender]` is a type of source.

The entry point of a type is `devstream_collectors.sources.generic.shipped:<name>`, which reads
`resources/rules/<name>.toml`.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_collectors.kit.outcome import tolerant
from devstream_collectors.sources.generic.rules import parse_rules, parse_sender
from devstream_collectors.sources.generic.sender import collector
from devstream_collectors.sources.generic.webhook import read, sample

_HERE = Path(__file__).resolve()
_PLACES = (
    _HERE.parents[4] / "resources" / "rules",  # a checkout
    _HERE.parents[3] / "devstream_desktop" / "resources" / "rules",  # an installed package
)
FOLDER = next((place for place in _PLACES if place.is_dir()), _PLACES[-1])


def __getattr__(name: str) -> ModuleType:
    """Make the collector of a rules file, for its entry point."""
    file = FOLDER / f"{name}.toml"
    if name.startswith("_") or not file.is_file():
        raise AttributeError(f"there is no rules file {file}")
    text = file.read_text(encoding="utf-8")
    rules, sender = parse_rules(text), parse_sender(text)
    if sender is None:
        raise AttributeError(f"{file} has no [sender], so it is no type of source")

    def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
        return read(rules, delivery, source)

    module = ModuleType(f"{__name__}.{name}", f"{sender.title}, by the rules in {file.name}.")
    module.__dict__.update(
        COLLECTOR=collector(sender, (rule.kind for rule in rules)),
        normalise=tolerant(normalise),
        sample=sample,
    )
    return module
