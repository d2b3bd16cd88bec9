"""The questions that windows emit for the node, which a test answers."""

from __future__ import annotations

from devstream_desktop.control.messages.base import Reply, Request
from devstream_desktop.desktop.client.question import Question


class Asked:
    """Takes the place of the connection: every question, in the order asked."""

    def __init__(self) -> None:
        self.questions: list[Question] = []

    def listen(self, asking) -> None:
        """Collect the questions of a dialog or of the app's state."""
        asking.asked.connect(self.questions.append)

    def of(self, kind: type[Request]) -> list[Request]:
        return [one.request for one in self.questions if isinstance(one.request, kind)]

    def answer(self, reply: Reply, kind: type[Request] = Request) -> None:
        """Answer the last question of a kind."""
        self._last(kind).answer(reply)

    def refuse(self, reason: str, kind: type[Request] = Request) -> None:
        self._last(kind).refuse(reason)

    def _last(self, kind: type[Request]) -> Question:
        return next(one for one in reversed(self.questions) if isinstance(one.request, kind))
