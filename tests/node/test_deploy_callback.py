"""A service of one's own deploys, and tells the node's intake how it ended."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest

from devstream_desktop.deploy.backends.standard_webhooks import signed

pytestmark = pytest.mark.process
KEY = "whsec_" + base64.b64encode(b"k" * 24).decode()


def test_a_deploy_ends_with_its_services_word(world, until, tmp_path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(202)
            self.end_headers()
            threading.Thread(target=call_back, args=(json.loads(body),)).start()

        def log_message(self, *_: object) -> None:
            pass

    answers: list[int] = []

    def call_back(asked: dict[str, str]) -> None:
        body = json.dumps({"request": asked["request"], "state": "success"}).encode()
        address = urlsplit(asked["callback_url"])
        connection = http.client.HTTPConnection(address.netloc, timeout=15)
        headers = signed(KEY, "m1", body, int(time.time()))
        connection.request("POST", address.path, body, headers)
        answers.append(connection.getresponse().status)
        connection.close()

    service = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.run("team", "grant", "ana", "deployer", "shop/*")
    ana.start("--intake", "127.0.0.1:0")
    intake = ana.status().intake
    secret = tmp_path / "key"
    secret.write_text(KEY)
    ana.run("secret", "set", "HOOK", "--file", str(secret))
    ana.home.targets.write_text(
        '[target.shop.live]\nbackend = "webhook"\n[target.shop.live.webhook]\n'
        f'url = "http://127.0.0.1:{service.server_port}"\nsecret = "HOOK"\ncallback = "{intake}"\n'
    )
    until("it is offered", lambda: ana.status().targets == 1)
    try:
        said = ana.run("deploy", "shop", "live", "--sha", "4f" * 20, "--yes")
    finally:
        service.shutdown()
        thread.join()
        service.server_close()
    assert "ana deployed 4f4f4f4 to live" in said
    assert answers == [202]
