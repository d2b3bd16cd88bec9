"""The test of the test: rules that are taken out one at a time, each by a change to one place of
the source.

A mutant is a file, a text that occurs in it exactly once, and what stands there instead. `run`
plays histories by seed in this process until one breaks a promise; the changed source is only ever
in memory.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "trust"))  # snippets.py serves both kinds of mutants

from snippets import replaced  # noqa: E402 - found there

MESH = "devstream_desktop.mesh."
MAX_SEEDS = 500
CLOCK = MESH + "clock"
CHAIN = MESH + "replica.chain"
FEED = MESH + "replica.feed"
OWN_FEED = MESH + "replica.own_feed"
RULES = MESH + "replica.rules"
WANTS = MESH + "replica.wants"
REPLICA = MESH + "replica.replica"
FEEDS = MESH + "replica.feeds"
EXPIRY = MESH + "replica.expiry"
ENTRY = "devstream_desktop.stream.entry"


@dataclass(frozen=True)
class Mutant:
    """One rule less."""

    name: str
    module: str
    text: str
    instead: str
    theme: str = ""
    """The danger that this rule is against (world.THEMES)."""
    first: int = 0
    """The seed to begin at; of a rule that few histories need, just before one that does."""


FACT, AUTHORS = (
    "devstream_desktop.stream.fact",
    "devstream_desktop.team.policy.authors",
)

LIARS = [
    Mutant(
        "a fact is its key, whoever tells it",
        FACT,
        r'f"{author}\x1f{kind}\x1f{key}\x1f{teller}"',
        "key",
        "liars/ForeignKeys",
    ),
    Mutant(
        "any member tells any member's fact",
        FACT,
        'teller = device if author in OWN_WORD else ""',
        'teller = ""',
        "liars/ForeignKeys",
    ),
    Mutant(
        "anybody goes on with a member's row",
        FACT,
        "number, by = event.number, event.actor",
        'number, by = event.number, ""',
        "liars",
    ),
    Mutant(
        "any executor goes on with a deploy",
        FACT,
        "number, by = event.request, event.executor",
        'number, by = event.request, ""',
        "liars/DeployWords",
    ),
    Mutant(
        "a time may be of the future",
        FACT,
        "if event.time > stamped else event",
        "if False else event",
        "liars/FarTimes",
    ),
    Mutant(
        "a member speaks for anybody",
        AUTHORS,
        "author is AuthorClass.MEMBER and event.actor != person",
        "False",
        "liars/OthersNames",
    ),
    Mutant(
        "a member sets anybody's duty",
        AUTHORS,
        'event.kind is Kind.DUTY and (event.subject != f"duty/{person}" or event.number)',
        "False",
        "liars/OthersNames",
    ),
    Mutant(
        "an executor answers what another was asked",
        AUTHORS,
        "author is AuthorClass.EXECUTOR and event.executor != device",
        "False",
        "liars/DeployWords",
    ),
    Mutant(
        "roles are not asked for",
        AUTHORS,
        "return policy.has_role(device, _ROLES[author])",
        "return True",
        "liars/OthersNames",
    ),
    Mutant(
        "a request may have another's key",
        AUTHORS,
        "own = event.key == event.request == request_key(event, device)",
        "own = True",
        "liars/DeployWords",
    ),
    Mutant(
        "whoever asks may deploy",
        "devstream_desktop.deploy.rules",
        "if not world.may(author.person, Role.DEPLOYER, *place):",
        "if False and not world.may(author.person, Role.DEPLOYER, *place):",
        "liars/DeployWords",
    ),
    Mutant(
        "a claim of our own feed begins a new one",
        WANTS,
        "            missing = state.missing(record, now)\n",
        "            missing = state.missing(record, now)\n"
        "            if record.feed == self._own.feed and record.head > state.head:\n              "
        "  self._own.renew_epoch()\n",
        "liars/Numbers",
    ),
    Mutant(
        "others' stamps pull ours to the limit",
        OWN_FEED,
        "limit = (now + ADOPT_MS)",
        "limit = (now + FUTURE_MS)",
        "liars/Stamps",
    ),
    Mutant(
        "two who lie move a clock that was right",
        CLOCK,
        "> MAX_OFFSET_MS and not self._proven",
        "> MAX_OFFSET_MS",
        "liars/FalseClock",
        first=270,
    ),
    Mutant(
        "records are believed without end",
        WANTS,
        "min(left, left_of[state.author])",
        "1 << 63",
        "liars/Numbers",
    ),
]
"""The rules that hold against a member who lies (lies.py)."""

MUTANTS = [
    Mutant(
        "no floor: settled numbers are taken again",
        RULES,
        "if entry.seq > state.floor and not intervals",
        "if not intervals",
    ),
    Mutant(
        "no age: expired entries are taken",
        RULES,
        "if self._expiry.expired(entry, now)]",
        "if False]",
    ),
    Mutant(
        "an expired entry settles nothing",
        RULES,
        "            self._feeds.settle(state, expired[-1].seq, expired[-1])\n",
        "",
    ),
    Mutant("no tip is kept", FEED, "if self.tip is None or tip.seq > self.tip.seq:", "if False:"),
    Mutant(
        "the tip proves nothing",
        RULES,
        "if state.tip is not None and contradict(state.tip, entry):",
        "if False:",
        "images",
        first=740,
    ),
    Mutant(
        "entries from the future are taken", RULES, "if entry.hlc >= limit:", "if False:", "clocks"
    ),
    Mutant(
        "the future is not held back",
        RULES,
        "                state.hold(entry.seq, hlc_time(entry.hlc) - FUTURE_MS)\n",
        "",
        "clocks",
    ),
    Mutant(
        "foreign clocks pull ours without limit",
        OWN_FEED,
        "if self._hlc > limit:",
        "if False:",
        "clocks",
    ),
    Mutant(
        "a number's first body wins",
        RULES,
        "                rivals.append((known, entry))\n",
        "                pass\n",
        "images",
    ),
    Mutant("clocks may run back", ENTRY, "low.hlc >= high.hlc or (", "(", "images", first=740),
    Mutant(
        "the chain may break",
        ENTRY,
        " or (high.seq == low.seq + 1 and high.prev != low.hash)",
        "",
        "images",
        first=295,
    ),
    Mutant(
        "the neighbour below is not looked at",
        CHAIN,
        "if before is not None and contradict(before, entry):",
        "if False:",
        "images",
    ),
    Mutant(
        "the neighbour above is not looked at",
        CHAIN,
        "if after is not None and contradict(entry, after):",
        "if False:",
        "gap",
    ),
    Mutant(
        "any link of the chain will do",
        CHAIN,
        "if link is not None and link.prev == entry.hash:",
        "if link is not None:",
        "lies",
    ),
    Mutant(
        "what vouched for an entry need not be kept",
        RULES,
        "if len(good) < count:",
        "if False:",
        "lies",
        first=795,
    ),
    Mutant(
        "signatures are not checked",
        CHAIN,
        "elif bad < MAX_BAD and signed(entry):",
        "elif True:",
        "lies",
    ),
    Mutant(
        "a proof is not checked",
        RULES,
        "if not self._signatures.right(other):",
        "if False:",
        "lies",
    ),
    Mutant("a broken feed goes on", FEEDS, "        state.frozen = True\n", "", "images"),
    Mutant(
        "proofs do not travel", RULES, "if contradict(one, other) and", "if False and", "images"
    ),
    Mutant(
        "what a broken feed held is not said again",
        RULES,
        "published = self._own.publish_again(state, now)",
        "pass",
        "images",
    ),
    Mutant(
        "peers are not asked for what a broken feed of ours held",
        OWN_FEED,
        "and fruitless < MAX_FRUITLESS",
        "and False",
        "images",
    ),
    Mutant(
        "a broken feed of ours is appended to",
        RULES,
        "                self._own.renew_epoch()\n            # Before",
        "                pass\n            # Before",
        "images",
    ),
    Mutant(
        "a differing head is not doubted",
        FEED,
        "return record.head_hash != self.head_entry.hash",
        "return False",
        "images",
        first=170,
    ),
    Mutant("clocks in doubt let things expire", EXPIRY, "not self.suspended and ", "", "clocks"),
    Mutant(
        "clocks in doubt let things be pruned",
        EXPIRY,
        "        if self.suspended:\n            return 0\n",
        "",
        "clocks",
    ),
    Mutant("a start believes any clock", CLOCK, "away if away > MAX_AWAY_MS else 0", "0", "clocks"),
    Mutant(
        "the team's time is not used",
        CLOCK,
        "self._correction = middle if moved",
        "self._correction = 0 if moved",
        "clocks",
    ),
    Mutant(
        "peers that contradict each other move us",
        CLOCK,
        "agreeing >= WITNESSES",
        "agreeing >= 1",
        "clocks",
    ),
    Mutant(
        "a clock that most contradict is not doubted",
        CLOCK,
        "if outvoted else 0",
        "if False else 0",
        "clocks",
    ),
    Mutant(
        "a late clock stamps what has expired",
        OWN_FEED,
        "now = max(now, self.last_known)",
        "pass",
        "clocks",
    ),
    Mutant(
        "what came with a clock ahead goes on pulling",
        OWN_FEED,
        " if head.hlc <= limit",
        "",
        "clocks",
    ),
    Mutant(
        "of a revoked author all that is signed is taken",
        CHAIN,
        "if entry.hash == known:",
        "if entry.seq <= last:",
        "theft",
    ),
    Mutant(
        "any entry may be the end of a feed",
        CHAIN,
        "last_hash if entry.seq == last",
        "entry.hash if entry.seq == last",
        "theft",
    ),
    Mutant(
        "what is held proves nothing of an ended feed",
        CHAIN,
        "good[-1][0].seq == entry.seq + 1 else above(entry)",
        "True else None",
        "theft",
    ),
    Mutant(
        "feeds of the revoked go on",
        RULES,
        "if (end := self._authors.ended(state.feed)) is not None:",
        "if (end := None):",
        "theft",
    ),
    Mutant(
        "what lies beyond an end is asked for again",
        RULES,
        "                state.refused = intervals.union([*state.refused, *numbers])\n",
        "                pass\n",
        "theft",
    ),
    Mutant(
        "what was refused is never asked for again",
        REPLICA,
        "            state.refused = []\n",
        "",
        "policy",
    ),
    Mutant(
        "what was refused is asked for again at once",
        RULES,
        "            state.refuse(item.entry.seq)\n",
        "",
        "policy",
    ),
    Mutant(
        "own entries may be lost in a power cut",
        OWN_FEED,
        "arrivals, durable=True)",
        "arrivals)",
    ),
    Mutant(
        "the mirror is not read",
        "memory_log",
        "not self.known_epoch or not described",
        "not self.known_epoch",
        "backups",
    ),
    Mutant(
        "the mirror knows no epoch",
        "memory_log",
        "self.mirror[0] == self.known_epoch and ",
        "",
        "backups",
    ),
    Mutant(
        "the index outlives an unclean stop",
        "memory_log",
        "if not clean or not self.index:",
        "if not self.index:",
        "power",
    ),
    Mutant(
        "a number that a peer knows is used again",
        RULES,
        "            self._own.renew_epoch()\n        count",
        "            pass\n        count",
        "images",
    ),
    Mutant(
        "gaps are not asked for",
        FEED,
        "mine = intervals.subtract([(self.floor + 1, head)], held)",
        "mine = intervals.subtract([(self.head + 1, head)], held)",
    ),
    Mutant(
        "gaps do not show in a digest", FEED, "intervals.gaps(self.runs, self.floor)]\n", "0]\n"
    ),
    *LIARS,
]


class _Changed(importlib.machinery.SourceFileLoader):
    mutant: Mutant

    def get_code(self, fullname):
        source = Path(self.path).read_text(encoding="utf-8")
        try:
            changed = replaced(source, self.mutant.text, self.mutant.instead)
        except ValueError as error:
            raise ValueError(f"{self.mutant.name} in {fullname}: {error}") from None
        return compile(changed, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname, path, target=None):
        if fullname != self.mutant.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        loader = _Changed(fullname, spec.origin)
        loader.mutant = self.mutant
        return importlib.util.spec_from_file_location(fullname, spec.origin, loader=loader)


def run(mutant: Mutant) -> str:
    """Play until a history fails.

    How many that took and why. Must be called in a process that has not loaded the rules.
    """
    sys.path.insert(0, str(HERE))
    finder = _Finder(mutant)
    sys.meta_path.insert(0, finder)
    import play

    if finder in sys.meta_path:
        raise ValueError(f"{mutant.name}: {mutant.module} is not loaded by the simulation")
    for seed in range(mutant.first, mutant.first + MAX_SEEDS):
        try:
            play.play(seed, theme=mutant.theme)
        except play.FailedSeedError as failure:
            return f"{seed - mutant.first + 1}: {failure.__cause__!r}"[:150]
    return ""


if __name__ == "__main__":
    print(run(MUTANTS[int(sys.argv[1])]))
