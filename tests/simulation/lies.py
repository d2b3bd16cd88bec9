"""The ways in which a member can lie, each a strategy of its own."""

from __future__ import annotations

from false_answers import FalseClock, FalseDigests, FalseProofs, Floods, Numbers, Withholds
from false_entries import Equivocates, ManyFeeds, Poison, Replays, Stamps
from false_words import DeployWords, FarTimes, ForeignKeys, OthersNames
from strategy import Strategy

STRATEGIES: tuple[type[Strategy], ...] = (
    ForeignKeys,
    OthersNames,
    DeployWords,
    FarTimes,
    Stamps,
    Equivocates,
    ManyFeeds,
    Poison,
    Replays,
    Numbers,
    Withholds,
    FalseDigests,
    FalseProofs,
    FalseClock,
    Floods,
)
