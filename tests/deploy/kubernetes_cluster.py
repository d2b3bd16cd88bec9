"""The recorded API of a Kubernetes cluster, for the system's own kubectl."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

APPS = "/apis/apps/v1/namespaces/shop"


class Cluster:
    """The part of an API server that kubectl needs for one deployment.

    Shapes: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/
    """

    def __init__(self) -> None:
        self.image = "registry.example.com/shop:old"
        self.rolled_out = True
        self.ready = True
        self.refused = ""
        self.revisions = {1: "registry.example.com/shop:old"}
        """The image of each earlier revision."""
        self.patches: list[dict[str, Any]] = []
        self.generation = 1
        self.watching = threading.Event()
        self.token = "token-of-the-cluster"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                parts = urlsplit(self.path)
                self.say(*outer.route(self.command, parts.path, parse_qs(parts.query), body))

            do_GET = do_POST = do_PATCH = do_PUT = do  # noqa: N815 (the base class has these names)

            def say(self, code: int, document: object) -> None:
                content = json.dumps(document).encode()
                self.send_response(code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def config(self) -> str:
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "clusters": [
                    {
                        "name": "it",
                        "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"},
                    }
                ],
                "users": [{"name": "bot", "user": {"token": self.token}}],
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "bot"}}],
            }
        )

    def route(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, object]:
        match method, path:
            case "GET", "/api":
                return 200, {"kind": "APIVersions", "versions": ["v1"]}
            case "GET", "/apis":
                version = {"groupVersion": "apps/v1", "version": "v1"}
                group = {"name": "apps", "versions": [version], "preferredVersion": version}
                return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}
            case "GET", "/api/v1":
                return 200, {"kind": "APIResourceList", "groupVersion": "v1", "resources": []}
            case "GET", "/apis/apps/v1":
                return 200, resources()
            case "GET", p if p == f"{APPS}/deployments/shop":
                return 200, self.deployment()
            case "GET", p if p == f"{APPS}/deployments":
                self.watching.set()
                if query.get("watch"):
                    return 200, {"type": "MODIFIED", "object": self.deployment()}
                listed = {"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {}}
                return 200, {**listed, "items": [self.deployment()]}
            case "GET", p if p == f"{APPS}/replicasets":
                listed = {"kind": "ReplicaSetList", "apiVersion": "apps/v1", "metadata": {}}
                return 200, {**listed, "items": [self.replicas(1), self.replicas(2)]}
            case "PATCH", p if p == f"{APPS}/deployments/shop":
                if self.refused:
                    return 403, status(self.refused, 403)
                patch = json.loads(body)
                self.patches.append(patch)
                self.apply(patch)
                return 200, self.deployment()
        return 404, status(f"{method} {path} is not recorded", 404)

    def apply(self, patch: Any) -> None:
        text = json.dumps(patch)
        if "containers" in text:
            self.generation += 1
            self.image = text.partition('"image": "')[2].partition('"')[0] or self.image

    def template(self, image: str) -> dict[str, Any]:
        containers = [{"name": "app", "image": image}]
        return {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": containers}}

    def deployment(self) -> dict[str, Any]:
        done = 1 if self.ready and (self.rolled_out or self.generation == 1) else 0
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "shop",
                "namespace": "shop",
                "uid": "d",
                "generation": self.generation,
                "resourceVersion": str(self.generation),
                "annotations": {"deployment.kubernetes.io/revision": "2"},
            },
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "shop"}},
                "template": self.template(self.image),
            },
            "status": {
                "observedGeneration": self.generation,
                "replicas": 1,
                "updatedReplicas": done,
                "readyReplicas": done,
                "availableReplicas": done,
            },
        }

    def replicas(self, revision: int) -> dict[str, Any]:
        image = self.revisions.get(revision, self.image)
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"shop-{revision}",
                "namespace": "shop",
                "uid": f"r{revision}",
                "labels": {"app": "shop"},
                "annotations": {"deployment.kubernetes.io/revision": str(revision)},
                "ownerReferences": [
                    {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "name": "shop",
                        "uid": "d",
                        "controller": True,
                    }
                ],
            },
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "shop"}},
                "template": self.template(image),
            },
            "status": {"replicas": 1},
        }


def status(message: str, code: int) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": "Forbidden" if code == 403 else "NotFound",
        "code": code,
    }


def resources() -> dict[str, object]:
    kinds = (("deployments", "Deployment"), ("replicasets", "ReplicaSet"))
    return {
        "kind": "APIResourceList",
        "groupVersion": "apps/v1",
        "resources": [
            {
                "name": name,
                "singularName": kind.lower(),
                "namespaced": True,
                "kind": kind,
                "verbs": ["get", "list", "patch", "watch"],
            }
            for name, kind in kinds
        ],
    }
