"""The parent of a deploy program: it outlives the node, and writes down how the program ended.

A program of its own, started with the standard library alone so that it is there in milliseconds.
It holds the lock of the run's log, which the program does not inherit: what a script leaves running
keeps no target. It copies the output into the log, without the secrets and up to a size, ends the
program when it takes too long or when it is itself asked to end (SIGTERM), and leaves the result in
a file. What a service that the script started prints later is read and thrown away, so that the
service neither fills the disk nor ends for lack of a reader.

Input: one JSON document (`Task`). Output: one line, empty once the program runs, else why it does
not.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

# As a program it does without: pathlib and typing alone would be a third of its start, for which
# everybody waits who pressed Deploy.
if __name__ != "__main__":
    from collections.abc import Iterator, Sequence

    from devstream_desktop.deploy.backends.task import Task

__all__ = ["Output", "Task", "main", "processes_of"]
_CHUNK = 65536
_SETTLE_S = 0.05
"""Seconds of silence after which an ended program's output is all read."""
_SETTLE_AT_MOST_S = 2.0
_RETRY_S = 1.0
_MASK = b"***"
_COOKIE = "DEVSTREAM_REQUEST"
_OWN_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""Windows' form of an own session; the name is defined there only."""


class Output:
    """The log of one run, appended to by this process alone."""

    def __init__(self, path: str, secrets: Sequence[str], max_bytes: int, keep: int) -> None:
        self.last = time.monotonic()
        """When something was written last, by the steady clock."""
        self._path = path
        self._secrets = {one.encode("utf-8", "surrogateescape") for one in secrets if one}
        self._max_bytes, self._keep = max_bytes, keep
        self._held = b""
        self._hidden = 0
        """The held bytes behind a mask that is written already."""
        self._cut = 0
        self._kept = os.stat(path).st_size
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (`end` closes it)

    def write(self, content: bytes) -> None:
        """Append output; what may be the beginning of a secret waits for the next."""
        self.last = time.monotonic()
        content = self._held + content
        # Of what was printed, not of what is left of it: a short secret may be part of a longer
        # one whose end is yet to come.
        begun = max((_overlap(content, secret) for secret in self._secrets), default=0)
        self._write_to(content, len(content) - begun)

    def end(self) -> None:
        """Write what waited, and close the log."""
        self._write_to(self._held, len(self._held))
        self._file.close()

    def _write_to(self, content: bytes, until: int) -> None:
        """Append the first bytes, masked, and hold the rest."""
        shown, at = b"", self._hidden
        for start, end in self._spans(content):
            if start >= until:
                break
            # One that overlaps the last mask is behind that one.
            if start >= at:
                shown += content[at:start] + _MASK
            at = max(at, end)
        shown += content[at:until]
        self._hidden = max(0, at - until)
        self._held = content[until:]
        self._append(shown)

    def _spans(self, content: bytes) -> list[tuple[int, int]]:
        """Return where secrets are, also those that overlap, in their order."""
        found = []
        for secret in self._secrets:
            start = content.find(secret)
            while start >= 0:
                found.append((start, start + len(secret)))
                start = content.find(secret, start + 1)
        return sorted(found)

    def _append(self, content: bytes) -> None:
        # A full disk costs the output, never the deploy.
        with contextlib.suppress(OSError):
            self._file.write(content)
            self._kept += len(content)
            if self._kept > self._max_bytes:
                self._trim()

    def _trim(self) -> None:
        """Cut the log to its end: the reason of a failure is there."""
        with open(self._path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - self._keep))
            kept = file.read()
        # The rest of a line may begin in the middle of what is masked for its form.
        kept = kept[kept.find(b"\n", 0, _CHUNK) + 1 :]
        self._cut += size - len(kept) - (len(self._head()) if self._cut else 0)
        os.truncate(self._path, 0)
        self._file.write(self._head() + kept)
        self._kept = os.stat(self._path).st_size

    def _head(self) -> bytes:
        return f"[{self._cut:015} earlier bytes were cut]\n".encode()


def _overlap(content: bytes, secret: bytes) -> int:
    """Return how many of the last bytes may begin this secret."""
    for size in range(min(len(secret) - 1, len(content)), 0, -1):
        if content.endswith(secret[:size]):
            return size
    return 0


def processes_of(request: str) -> Iterator[tuple[int, str]]:
    """Yield this user's processes that a run started, by number and name.

    They are told by the request in their environment, which a new session or another parent does
    not change. Nothing where a system does not show that.
    """
    cookie = f"{_COOKIE}={request}".encode()
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit():
            continue
        try:
            if cookie not in _read(f"/proc/{name}/environ").split(b"\0"):
                continue
            words = _read(f"/proc/{name}/cmdline").split(b"\0")
        except OSError:
            continue
        # One that has ended and waits for its parent has no command any more.
        if any(words):
            yield int(name), " ".join(w.decode("utf-8", "replace") for w in words if w)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def main() -> None:
    """Run the task on standard input."""
    # A child of nobody, so that no node has to collect it.
    if sys.platform != "win32" and os.fork():
        os._exit(0)
    task: Task = json.load(sys.stdin)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    result = task["result"]
    output, printed = os.pipe()
    try:
        # Before the program starts: without this file, it surely never did.
        _write(result, {"supervisor": os.getpid()})
        program = subprocess.Popen(
            task["run"],
            cwd=task["cwd"],
            env=task["env"],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            # Its own session: its group is ended as a whole, and this process is not in it.
            start_new_session=True,
            creationflags=_OWN_GROUP,
        )
    except (OSError, ValueError) as error:
        failure = _failure(error)
        _write_at_last(result, {"supervisor": os.getpid(), "failed": failure["reason"]})
        _say(failure)
        return
    running: dict[str, object] = {"supervisor": os.getpid(), "program": program.pid}
    # First: whoever waits for it need not wait for the disk as well.
    _say({})
    # A full disk must not end a deploy that runs; the lock tells as well that it does.
    with contextlib.suppress(OSError):
        _write(result, running)
    log = Output(task["log"], task["secrets"], task["max_bytes"], task["keep_bytes"])
    os.close(printed)
    copier = _Copier(output, log)
    why = _wait(program, task, asked)
    copier.settle()
    _write_at_last(result, running | {"exit": program.returncode, "why": why})
    # The run is over: from here on nothing of it holds the target.
    if task["lock"] >= 0:
        os.close(task["lock"])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    copier.drain()


class _Copier:
    """Copies a program's output into the log, in a thread."""

    def __init__(self, pipe: int, log: Output) -> None:
        self._pipe, self._log = pipe, log
        self._over = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def settle(self) -> None:
        """Wait until the log has all output so far, and close it."""
        end = time.monotonic() + _SETTLE_AT_MOST_S
        began = time.monotonic()
        while self._thread.is_alive() and time.monotonic() < end:
            self._thread.join(_SETTLE_S / 2)
            if time.monotonic() - max(self._log.last, began) >= _SETTLE_S:
                break
        with self._over:
            self._ended = True
            self._log.end()

    def drain(self) -> None:
        """Read on, into nowhere, while anybody writes."""
        self._thread.join()

    def _copy(self) -> None:
        while content := os.read(self._pipe, _CHUNK):
            with self._over:
                if not self._ended:
                    self._log.write(content)


def _wait(program: subprocess.Popen[bytes], task: Task, asked: threading.Event) -> str:
    """Wait for the program's end; returns why it was ended, empty when it ended by itself."""
    gone = threading.Event()

    def wait() -> None:
        program.wait()
        gone.set()
        asked.set()

    threading.Thread(target=wait, daemon=True).start()
    in_time = asked.wait(task["timeout"])
    if gone.is_set():
        return ""
    _signal(program, task["request"], hard=False)
    end = time.monotonic() + task["kill_after"]
    gone.wait(task["kill_after"])
    # What it started may still be cleaning up, which it gets the same time for.
    while time.monotonic() < end and _left(program, task["request"]):
        time.sleep(_SETTLE_S)
    _signal(program, task["request"], hard=True)
    gone.wait()
    return "cancelled" if in_time else "timeout"


def _left(program: subprocess.Popen[bytes], request: str) -> bool:
    """Tell whether anything of the run is alive."""
    return _is_group(program.pid) or next(processes_of(request), None) is not None


def _is_group(number: int) -> bool:
    if sys.platform == "win32":
        return False
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _signal(program: subprocess.Popen[bytes], request: str, *, hard: bool) -> None:
    if sys.platform == "win32":
        if hard:
            program.kill()
        else:
            program.send_signal(signal.CTRL_BREAK_EVENT)
        return
    number = signal.SIGKILL if hard else signal.SIGTERM
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)
    # What left the group is part of the run as well.
    for pid, _ in processes_of(request):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) != program.pid:
                os.kill(pid, number)


def _failure(error: OSError | ValueError) -> dict[str, object]:
    if isinstance(error, OSError):
        return {"errno": error.errno, "reason": error.strerror, "file": str(error.filename)}
    return {"errno": 0, "reason": str(error), "file": ""}


def _say(word: dict[str, object]) -> None:
    """Tell the node if it still listens, and close the pipe."""
    with contextlib.suppress(OSError):
        print(json.dumps(word), flush=True)  # noqa: T201 (the answer to the node)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _write(path: str, content: dict[str, object]) -> None:
    """Replace the result, on disk when this returns."""
    new = f"{os.path.splitext(path)[0]}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, json.dumps(content).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(new, path)
    if sys.platform != "win32":
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_at_last(path: str, content: dict[str, object]) -> None:
    """Replace the result, over and over while the disk refuses: nobody else knows the end."""
    while True:
        try:
            _write(path, content)
        # The folder is gone, and whoever would read it with it.
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_RETRY_S)
        else:
            return


if __name__ == "__main__":
    main()
