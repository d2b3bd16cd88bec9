"""The D-Bus session bus in Qt's event loop, without a thread.

jeepney makes and reads the messages, and a socket notifier wakes the loop. Qt's own D-Bus module
cannot call `Notify` from Python (field types are lost), and keyring needs jeepney anyway.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import msgspec
from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    message_bus,
    new_method_call,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from PySide6.QtCore import QObject, QSocketNotifier, Signal

Body = tuple[object, ...]


class NoBusError(Exception):
    """No session bus can be reached."""


class _Call(msgspec.Struct, frozen=True):
    member: str
    answer: Callable[[Body], None]
    fail: Callable[[str, str], None]


class SessionBus(QObject):
    """One connection to the session bus."""

    heard = Signal(str, str, object)
    """A signal that `listen` subscribed to: its interface, its member, its body (a tuple)."""

    def __init__(self, parent: QObject | None = None) -> None:
        """Connect (a few milliseconds).

        Raises:
            NoBusError: there is no session bus.

        """
        super().__init__(parent)
        try:
            self._connection: DBusConnection = open_dbus_connection("SESSION")
        except Exception as error:
            # jeepney passes on its parts' errors: KeyError without an address, OSError,
            # AuthenticationError, ValueError.
            raise NoBusError(f"no session bus: {error}") from error
        self._socket = self._connection.sock
        self._socket.settimeout(0)
        self._out = b""
        self._calls: dict[int, _Call] = {}
        self._readable = QSocketNotifier(self._socket.fileno(), QSocketNotifier.Type.Read, self)
        self._readable.activated.connect(self._read)
        self._writable = QSocketNotifier(self._socket.fileno(), QSocketNotifier.Type.Write, self)
        self._writable.setEnabled(False)
        self._writable.activated.connect(self._flush)

    @property
    def calls(self) -> int:
        """The number of calls without an answer so far."""
        return len(self._calls)

    def listen(
        self, *, interface: str, member: str, path: str | None = None, argument: str | None = None
    ) -> None:
        """Subscribe to a signal; `argument` limits it to those with that first argument."""
        rule = MatchRule(type="signal", interface=interface, member=member, path=path)
        if argument is not None:
            rule.add_arg_condition(0, argument)
        self._post(message_bus.AddMatch(rule), _Call("AddMatch", lambda _: None, lambda *_: None))

    def call(
        self,
        address: DBusAddress,
        member: str,
        signature: str = "",
        body: Body = (),
        *,
        answer: Callable[[Body], None] = lambda _: None,
        fail: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """Call a method; later `answer` gets its result, or `fail` an error's name and text."""
        # jeepney wants both or neither.
        arguments = (signature, body) if signature else ()
        self._post(new_method_call(address, member, *arguments), _Call(member, answer, fail))

    def close(self) -> None:
        """Leave the bus."""
        self._readable.setEnabled(False)
        self._writable.setEnabled(False)
        self._calls.clear()
        with contextlib.suppress(OSError):
            self._connection.close()

    def _post(self, message: Message, call: _Call) -> None:
        serial = next(self._connection.outgoing_serial)
        self._calls[serial] = call
        self._out += message.serialise(serial)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                self._out = self._out[self._socket.send(self._out) :]
        except BlockingIOError:
            # The rest goes when the socket is writable again.
            pass
        except OSError:
            self._gone()
            return
        self._writable.setEnabled(bool(self._out))

    def _read(self) -> None:
        try:
            data = self._socket.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        # An end of the stream is readable, so it would wake the loop without end.
        if not data:
            self._gone()
            return
        self._connection.parser.add_data(data)
        while (message := self._connection.parser.get_next_message()) is not None:
            self._handle(message)

    def _handle(self, message: Message) -> None:
        fields, kind = message.header.fields, message.header.message_type
        body: Body = tuple(message.body)
        if kind is MessageType.signal:
            self.heard.emit(
                str(fields.get(HeaderFields.interface, "")),
                str(fields.get(HeaderFields.member, "")),
                body,
            )
            return
        call = self._calls.pop(fields.get(HeaderFields.reply_serial, 0), None)
        # An answer to a call that `close` dropped, or a request to us, which nobody needs.
        if call is None:
            return
        if kind is MessageType.error:
            name = str(fields.get(HeaderFields.error_name, ""))
            call.fail(name, str(body[0]) if body else name)
        elif kind is MessageType.method_return:
            call.answer(body)

    def _gone(self) -> None:
        # The session bus ends with the session, and the app soon after: nothing to reconnect to.
        self._readable.setEnabled(False)
        self._writable.setEnabled(False)
        self._out = b""
        self._calls.clear()
