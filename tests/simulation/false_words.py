"""Lies in the words of events: others' keys, names, deploys and times."""

from __future__ import annotations

import msgspec
from strategy import DAY, ENVIRONMENT, HOUR, NUMBERS, SERVICE, Strategy

from devstream_desktop.deploy.answer import answer_key
from devstream_desktop.deploy.request import make_request, subject_of
from devstream_desktop.stream.entry import next_hlc
from devstream_desktop.stream.event import encode_event
from devstream_desktop.stream.words import STATES, Kind

TIMES = (0, 1, (1 << 47) - 1, 1 << 47, -1, (1 << 63) - 1)
"""The first moment, the year 6429, and what no field holds."""


class ForeignKeys(Strategy):
    """Own words under the keys of others' facts, old and to come."""

    def act(self) -> None:
        heard = self.heard()
        about = self.rng.choice(heard) if heard and self.rng.random() < 0.6 else self.liar.foresee()
        key = about.key
        if about.kind is Kind.DEPLOY and about.request:
            key = answer_key(about.request, self.rng.choice(STATES[Kind.DEPLOY]))
        if self.rng.random() < 0.3:
            lie = self.lie(Kind.DUTY, "on", key=key, subject=f"duty/{self.liar.person}")
        else:
            state = self.rng.choice(STATES[Kind.CLAIM])
            lie = self.lie(
                Kind.CLAIM,
                state,
                key=key,
                subject=about.subject,
                number=about.number,
                request=about.request,
            )
        # Behind the fact, so that it is the earlier telling.
        behind = self.rng.choice((0, 0, 1, HOUR, DAY))
        self.liar.spread(self.liar.author(lie, hlc=next_hlc(0, self.liar.now_ms() - behind)))


class OthersNames(Strategy):
    """Words in others' names, and copies of words that take a role."""

    def act(self) -> None:
        person, device = self.rng.choice(self.liar.members())
        heard = self.heard()
        if heard and self.rng.random() < 0.5:
            copied = msgspec.structs.replace(
                self.rng.choice(heard), title="a lie", time=self.liar.now_ms()
            )
            mine = {"actor": self.liar.person}
            changes = (
                {},
                mine,
                mine | {"number": "7"},
                {"actor": person},
                {"kind": Kind.CLAIM, "state": "claimed"},
                {"number": ""},
                {"executor": self.liar.device},
            )
            lie = encode_event(msgspec.structs.replace(copied, **self.rng.choice(changes)))
        else:
            kind = self.rng.choice((Kind.DUTY, Kind.CLAIM, Kind.TEAM, Kind.BUILD))
            subject = f"duty/{person}" if kind is Kind.DUTY else f"member/{device}"
            lie = self.lie(
                kind,
                self.rng.choice(STATES[kind]),
                actor=person,
                subject=subject,
                executor=self.liar.device,
            )
        self.liar.spread(self.liar.author(lie))


class DeployWords(Strategy):
    """Deploy requests, answers and cancels that are not its to give."""

    def act(self) -> None:
        now, person = self.liar.now_ms(), self.rng.choice((self.liar.person, self.somebody()))
        asked = [heard for heard in self.heard() if heard.request]
        executor = self.rng.choice((self.liar.executor, self.liar.device))
        if asked and self.rng.random() < 0.5:
            about = self.rng.choice(asked)
            state = self.rng.choice(STATES[Kind.DEPLOY])
            key = self.rng.choice((answer_key(about.request, state), about.request))
            lie = msgspec.structs.replace(
                about,
                state=state,
                key=key,
                actor=person,
                executor=executor,
                time=now,
                title="a lie",
            )
            self.liar.spread(self.liar.author(encode_event(lie)))
            return
        asking = make_request(
            device=self.liar.device,
            person=self.liar.person,
            target=SERVICE,
            environment=ENVIRONMENT,
            ref="main",
            sha=f"{self.rng.getrandbits(160):040x}",
            executor=self.liar.executor,
            now=now,
        )
        changes = {"executor": executor} | self.rng.choice(({"actor": person}, {}))
        if asked and self.rng.random() < 0.7:
            taken = self.rng.choice(asked).request
            changes |= {
                "key": taken,
                "request": taken,
                "number": taken[:8],
                "subject": subject_of(SERVICE, ENVIRONMENT, taken),
            }
        self.liar.spread(
            self.liar.author(
                encode_event(msgspec.structs.replace(asking, **self.rng.choice((changes, {}))))
            )
        )


class FarTimes(Strategy):
    """Events that claim to be of another age than their entries."""

    def act(self) -> None:
        person = self.rng.choice((self.liar.person, self.somebody()))
        kind = self.rng.choice((Kind.DUTY, Kind.CLAIM))
        subject = f"duty/{person}" if kind is Kind.DUTY else "build/shop/main"
        far = {
            "time": self.rng.choice(TIMES),
            "expires": self.rng.choice(TIMES),
            "count": self.rng.choice(NUMBERS),
        }
        self.liar.spread(
            self.liar.author(self.lie(kind, STATES[kind][0], actor=person, subject=subject, **far))
        )
