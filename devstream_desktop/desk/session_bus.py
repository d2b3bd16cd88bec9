"""One question to the session bus, waited for."""

from __future__ import annotations

from typing import NamedTuple

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection

_WAIT_S = 6.0


class NoBusError(Exception):
    """The session has no bus that can be reached."""


class NoAnswerError(Exception):
    """Nothing answered in some seconds."""


class Answer(NamedTuple):
    """An answer; `error` is the D-Bus name of an error, empty for none."""

    error: str
    body: tuple[object, ...]


def ask(
    address: DBusAddress, member: str, signature: str = "", body: tuple[object, ...] = ()
) -> Answer:
    """Call a method. Blocks for seconds at most.

    Raises:
        NoBusError: there is no session bus.
        NoAnswerError: nothing answers.

    """
    try:
        connection = open_dbus_connection("SESSION")
    except Exception as error:
        # jeepney passes on its parts' errors: KeyError without an address, OSError,
        # AuthenticationError, ValueError.
        raise NoBusError from error
    with connection:
        call = new_method_call(address, member, *((signature, body) if signature else ()))
        try:
            answer = connection.send_and_get_reply(call, timeout=_WAIT_S)
        except (OSError, EOFError) as error:
            raise NoAnswerError from error
    failed = answer.header.message_type is MessageType.error
    name = str(answer.header.fields.get(HeaderFields.error_name, "")) if failed else ""
    return Answer(name, tuple(answer.body))
