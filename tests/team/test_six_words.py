"""The words by which people compare a device on two screens."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.team.joining.six_words import six_words
from devstream_desktop.team.team import Team


def test_the_words_are_a_thousand_and_stay_what_they_are(team: Team) -> None:
    text = (files("devstream_desktop.team.joining") / "words.txt").read_bytes()
    words = text.decode("ascii").split()
    assert len(words) == len(set(words)) == 1024
    assert all(word.isalpha() and word.islower() and 3 <= len(word) <= 10 for word in words)
    # A change of the list would show other words for the same device on an older node.
    assert hashlib.sha256(" ".join(words).encode()).hexdigest()[:16] == "9aafef888090557f"
    seen = {six_words(DeviceKey.generate().id) for _ in range(300)}
    assert len(seen) == 300
    assert all(len(one.split()) == 6 and set(one.split()) <= set(words) for one in seen)
