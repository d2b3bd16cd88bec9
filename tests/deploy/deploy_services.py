"""Local servers that behave as the documents of GitHub, GitLab, Jenkins and Argo CD say.

Each keeps what it was asked to run, and can lose answers, fail, refuse and be slow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "t0ken-of-the-forge"


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"{}")


@dataclass
class Service:
    """A server. `faults` are taken one by one by requests that start something.

    `lost`: it is started, and its answer is lost; `dropped`: the connection ends before; `500`: it
    is started, and answered with 500; `late`: it is started some looks later, and its answer is
    lost; a dict or number is answered instead.
    """

    faults: list[str | tuple[int, object]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    """The run's word at each look; the last one stays."""
    hidden: int = 0
    """Looks for which a run is not shown."""
    silent: bool = False
    """It ends every connection without an answer."""
    tip: str = ""
    """The commit that every branch is at."""
    ends_nothing: bool = False
    """Whoever asks for the end of a run is refused."""
    hides_tip: bool = False
    """It does not tell that commit."""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.numbers = itertools.count(41)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                outer.handle(self)

            do_GET = do_POST = do_DELETE = do  # noqa: N815 (the base class has these names)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("content-length") or 0)
        asked = Asked(
            handler.command,
            parts.path,
            parse_qs(parts.query),
            {name.lower(): value for name, value in handler.headers.items()},
            handler.rfile.read(length),
        )
        with self.lock:
            self.asked.append(asked)
            if self.silent:
                handler.close_connection = True
                return
            status, body, headers = self.answer(asked)
        if status == 0:
            handler.close_connection = True
            return
        content = b"" if body is None else json.dumps(body).encode()
        # A word alone is plain text.
        if isinstance(body, str):
            content = body.encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def answer(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        if not self.allowed(asked):
            return 401, {"message": "Bad credentials"}, {}
        words = ("/cancel", "/stop", "/cancelItem")
        if self.ends_nothing and (asked.method == "DELETE" or asked.path.endswith(words)):
            return 403, {"message": "you may not end it"}, {}
        return self.route(asked)

    def allowed(self, asked: Asked) -> bool:
        raise NotImplementedError

    def route(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        raise NotImplementedError

    def begin(
        self, make: Callable[[], dict[str, Any]], answer: Callable[[dict[str, Any]], Any]
    ) -> tuple[int, object, dict[str, str]]:
        """Start something, or do as the next fault says."""
        fault = self.faults.pop(0) if self.faults else ""
        if isinstance(fault, tuple):
            return *fault, {}
        if fault == "dropped":
            return 0, None, {}
        run = make()
        self.runs.append(run)
        if fault in ("lost", "late"):
            self.hidden = 2 if fault == "late" else 0
            return 0, None, {}
        if fault == "500":
            return 500, {"message": "Server Error"}, {}
        return answer(run)

    def shown(self) -> list[dict[str, Any]]:
        """The runs that a list shows."""
        if self.hidden:
            self.hidden -= 1
            return []
        return self.runs

    def state(self, run: dict[str, Any]) -> str:
        if run.get("cancelled"):
            return "cancelled"
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def number(self) -> int:
        return next(self.numbers)


class GithubService(Service):
    """Deployments and workflow runs. `old` servers name no run when one is dispatched."""

    old = False
    head_sha = ""

    def allowed(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer {TOKEN}"

    def route(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        path = asked.path.removeprefix("/repos/acme/shop")
        match asked.method, path.strip("/").split("/"):
            case "POST", ["deployments"]:
                return self.begin(
                    lambda: {"id": self.number(), **asked.json()}, lambda run: (201, run, {})
                )
            case "GET", ["deployments"]:
                (sha,) = asked.query["sha"]
                return 200, [run for run in self.shown() if run["ref"] == sha], {}
            case "GET", ["deployments", number, "statuses"]:
                run = self.find(int(number))
                if run is None:
                    return 404, {"message": "Not Found"}, {}
                state = self.state(run)
                return 200, [{"state": state, "description": f"it is {state}"}] * bool(state), {}
            case "GET", ["commits", _]:
                if self.hides_tip:
                    return 403, {"message": "Resource not accessible by this token"}, {}
                assert asked.headers["accept"] == "application/vnd.github.sha"
                return 200, self.tip, {}
            case "POST", ["actions", "workflows", "deploy.yml", "dispatches"]:
                body = asked.json()
                if self.old and "return_run_details" in body:
                    return 422, {"message": 'Invalid request. "return_run_details" is odd.'}, {}
                return self.begin(
                    lambda: {"id": self.number(), **body, "name": f"deploy {body['inputs']}"},
                    lambda run: (
                        (204, None, {})
                        if self.old
                        else (
                            200,
                            {"workflow_run_id": run["id"], "html_url": "https://example.org/r"},
                            {},
                        )
                    ),
                )
            case "GET", ["actions", "workflows", "deploy.yml"] | [""]:
                return 200, {}, {}
            case "GET", ["actions", "workflows", "deploy.yml", "runs"]:
                return 200, {"workflow_runs": [self.run(run) for run in self.shown()]}, {}
            case "GET", ["actions", "runs", number]:
                run = self.find(int(number))
                return (200, self.run(run), {}) if run else (404, {"message": "Not Found"}, {})
            case "POST", ["actions", "runs", number, "cancel"]:
                run = self.find(int(number))
                assert run is not None
                run["cancelled"] = True
                return 202, {}, {}
        return 404, {"message": "Not Found"}, {}

    def find(self, number: int) -> dict[str, Any] | None:
        return next((run for run in self.runs if run["id"] == number), None)

    def run(self, run: dict[str, Any]) -> dict[str, Any]:
        state = self.state(run)
        ended = state in ("success", "failure", "cancelled", "timed_out")
        return {
            "id": run["id"],
            "head_sha": self.head_sha,
            "name": run["name"],
            "display_title": run["name"],
            "status": "completed" if ended else state,
            "conclusion": state if ended else None,
            "html_url": "https://example.org/r",
        }


class GitlabService(Service):
    """Pipelines of the project acme/shop."""

    head_sha = ""

    def allowed(self, asked: Asked) -> bool:
        return asked.headers.get("private-token") == TOKEN

    def route(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        path = asked.path.removeprefix("/api/v4/projects/acme%2Fshop/")
        match asked.method, path.split("/"):
            case "POST", ["pipeline"]:
                return self.begin(
                    lambda: {"id": self.number(), **asked.json()},
                    lambda run: (201, self.pipeline(run, "created"), {}),
                )
            case "GET", ["repository", "commits", _]:
                if self.hides_tip:
                    return 403, {"message": "Resource not accessible by this token"}, {}
                return 200, {"id": self.tip}, {}
            case "GET", ["pipelines"]:
                return 200, [self.pipeline(run, "running") for run in self.shown()], {}
            case "GET", ["pipelines", number, "variables"]:
                return 200, self.find(number)["variables"], {}
            case "GET", ["pipelines", number]:
                run = self.find(number)
                return 200, self.pipeline(run, self.state(run)), {}
            case "POST", ["pipelines", number, "cancel"]:
                self.find(number)["cancelled"] = True
                return 201, {}, {}
        return 404, {"message": "404 Project Not Found"}, {}

    def find(self, number: str) -> dict[str, Any]:
        return next(run for run in self.runs if run["id"] == int(number))

    def pipeline(self, run: dict[str, Any], state: str) -> dict[str, Any]:
        state = {"cancelled": "canceled", "failure": "failed"}.get(state, state)
        page = f"https://gitlab.example.org/p/{run['id']}"
        return {"id": run["id"], "sha": self.head_sha, "status": state, "web_url": page}


class JenkinsService(Service):
    """The job shop: a queue, and builds. `waits` looks pass before an item becomes a build."""

    waits = 1
    forgets = False
    """It forgets an item as soon as there is a build."""

    def allowed(self, asked: Asked) -> bool:
        pair = base64.b64encode(f"ana:{TOKEN}".encode()).decode()
        return asked.headers.get("authorization") == f"Basic {pair}"

    def route(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["job", "shop", "buildWithParameters"]:
                fields = {k: v[0] for k, v in parse_qs(asked.body.decode()).items()}
                return self.begin(
                    lambda: {"item": self.number(), "build": 0, "waits": self.waits, **fields},
                    lambda run: (
                        201,
                        None,
                        {"location": f"http://elsewhere.example.org/queue/item/{run['item']}/"},
                    ),
                )
            case "GET", ["queue", "api", "json"]:
                items = [run for run in self.shown() if not run["build"]]
                return 200, {"items": [self.actions(run, id=run["item"]) for run in items]}, {}
            case "GET", ["queue", "item", number, "api", "json"]:
                run = next(run for run in self.runs if run["item"] == int(number))
                if run.get("cancelled"):
                    return 200, {"id": run["item"], "cancelled": True}, {}
                self.proceed(run)
                if run["build"] and self.forgets:
                    return 404, None, {}
                build = {"number": run["build"]} if run["build"] else None
                return 200, {"id": run["item"], "why": "no executor", "executable": build}, {}
            case "GET", ["job", "shop", "api", "json"]:
                builds = [run for run in self.shown() if run["build"]]
                found = [self.actions(run, number=run["build"]) for run in builds]
                return 200, {"builds": found, "name": "shop"}, {}
            case "GET", ["job", "shop", number, "api", "json"]:
                run = self.build(number)
                state = self.state(run)
                result = {"success": "SUCCESS", "failure": "FAILURE", "cancelled": "ABORTED"}
                ended = result.get(state)
                return 200, {"number": run["build"], "building": not ended, "result": ended}, {}
            case "POST", ["job", "shop", number, "stop"]:
                self.build(number)["cancelled"] = True
                return 302, None, {"location": "/"}
            case "POST", ["queue", "cancelItem"]:
                (number,) = asked.query["id"]
                next(run for run in self.runs if run["item"] == int(number))["cancelled"] = True
                return 204, None, {}
        return 404, None, {}

    def proceed(self, run: dict[str, Any]) -> None:
        run["waits"] -= 1
        if run["waits"] < 0 and not run["build"]:
            run["build"] = self.number()

    def build(self, number: str) -> dict[str, Any]:
        return next(run for run in self.runs if run["build"] == int(number))

    @staticmethod
    def actions(run: dict[str, Any], **more: object) -> dict[str, Any]:
        value = {"name": "DEVSTREAM_REQUEST", "value": run["DEVSTREAM_REQUEST"]}
        return {**more, "actions": [{}, {"parameters": [value]}]}


class ArgocdService(Service):
    """The application shop, with one operation at a time."""

    health = "Healthy"

    def allowed(self, asked: Asked) -> bool:
        return asked.headers.get("authorization") == f"Bearer {TOKEN}"

    def route(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        match asked.method, asked.path.removeprefix("/api/v1/applications/shop").strip("/"):
            case "POST", "sync":
                if self.runs and self.state(self.runs[-1]) == "running":
                    said = "another operation is already in progress"
                    return 400, {"error": said, "message": said, "code": 9}, {}
                return self.begin(asked.json, lambda _: (200, self.application(), {}))
            case "GET", "":
                return 200, self.application(), {}
            case "DELETE", "operation":
                self.runs[-1]["cancelled"] = True
                return 200, {}, {}
        return 404, {"message": "not found"}, {}

    def application(self) -> dict[str, Any]:
        runs = self.shown()
        if not runs:
            return {"status": {"health": {"status": "Healthy"}}}
        state = self.state(runs[-1])
        info = {"info": [{"name": one["name"], "value": one["value"]} for one in runs[-1]["infos"]]}
        if state == "asked":
            return {"operation": info, "status": {"health": {"status": "Healthy"}}}
        phase = {"success": "Succeeded", "failure": "Failed", "running": "Running"}
        message = "Operation terminated" if state == "cancelled" else f"it is {state}"
        return {
            "status": {
                "operationState": {
                    "phase": phase.get(state, "Failed"),
                    "message": message,
                    "operation": info,
                },
                "health": {"status": self.health, "message": "2 of 3 pods"},
            }
        }


class HookService(Service):
    """A service of one's own: it checks signatures, and runs once for an Idempotency-Key."""

    key = b"k" * 24
    names_status = True
    accepts = True

    def allowed(self, asked: Asked) -> bool:
        text = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode()
        digest = hmac.new(self.key, text + asked.body, hashlib.sha256).digest()
        return asked.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"

    def route(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["deploy"]:
                known = [run for run in self.runs if run["key"] == asked.headers["idempotency-key"]]
                if known:
                    return self.named(known[0])
                return self.begin(
                    lambda: {"key": asked.headers["idempotency-key"], **asked.json()}, self.named
                )
            case "GET", ["runs", key]:
                run = next((run for run in self.shown() if run["key"] == key), None)
                if run is None:
                    return 404, {}, {}
                state = self.state(run)
                return 200, {"state": state, "description": f"it is {state}"}, {}
            case "DELETE", ["runs", key]:
                next(run for run in self.runs if run["key"] == key)["cancelled"] = True
                return 204, None, {}
        return 404, {}, {}

    def named(self, run: dict[str, Any]) -> tuple[int, object, dict[str, str]]:
        if not self.accepts:
            return 200, None, {}
        status = {"status_url": f"{self.url}/runs/{run['key']}"} if self.names_status else {}
        return 202, {"state": "queued", **status}, {}
