"""Kubernetes: a new image for one workload, by this system's kubectl, until it is rolled out.

https://kubernetes.io/docs/reference/kubectl/generated/kubectl_rollout/kubectl_rollout_status/
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence

from devstream_desktop.deploy.backends.contract import Order, table
from devstream_desktop.deploy.backends.following import filled
from devstream_desktop.deploy.backends.settings import Kubernetes as Settings
from devstream_desktop.deploy.backends.shell import Program, Shell, environment
from devstream_desktop.deploy.targets import Target
from devstream_desktop.stream.run_mark import REQUEST

_CONFIG = "DEVSTREAM_KUBECONFIG"
_SCRIPT = f"""
set -u
workload=$1 container=$2 image=$3 note=$4 seconds=$5
shift 5
config=
if [ -n "${{{_CONFIG}-}}" ]; then
    file=$(umask 077; mktemp -p /dev/shm 2> /dev/null || mktemp) || exit
    printenv {_CONFIG} > "$file"
    exec 9< "$file"
    rm -f "$file"
    unset {_CONFIG}
    config=--kubeconfig=/dev/fd/9
fi
kube() {{
    kubectl $config "$scope" $context "$@"
}}
undo() {{
    if [ "$before" != "$image" ]; then
        kube set image "$workload" "$container=$before"
        kube annotate "$workload" --overwrite "kubernetes.io/change-cause=$note, undone"
    fi
    exit 143
}}
scope=$1 context=${{2-}}
pod=.spec.template.spec named="[?(@.name=='$container')].image"
before=$(kube get "$workload" --output \
    "jsonpath={{$pod.containers$named}}{{$pod.initContainers$named}}") || exit
if [ -z "$before" ]; then
    echo "$workload has no container $container"
    exit 1
fi
trap undo TERM
kube set image "$workload" "$container=$image" || exit
kube annotate "$workload" --overwrite "kubernetes.io/change-cause=$note"
kube rollout status "$workload" --timeout="${{seconds}}s" &
wait $!
"""
"""Always the same text: what differs are its arguments, each a word of its own.

When it is cancelled, the workload goes back to the image that it had before; the revision before
would be an older one where nothing was changed. kubectl reads its configuration more than once, so
that is in memory, in a file that has lost its name.
"""


class Kubernetes(Shell):
    """The back end `kubernetes`."""

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return whether kubectl is missing; the cluster is not troubled."""
        if await asyncio.to_thread(shutil.which, "kubectl") is None:
            return ["kubectl is not there; install it for the node's user"]
        return []

    def program(self, order: Order) -> Program:
        """Return the script with this order's arguments."""
        settings = table(order.target, Settings)
        arguments = [
            settings.workload,
            settings.container,
            filled(settings.image, order),
            f"devstream {order.request.id}",
            str(max(1, int(order.target.timeout_s))),
            f"--namespace={settings.namespace}",
            *([f"--context={settings.context}"] if settings.context else []),
        ]
        env = {
            name: value
            for name, value in environment(order).items()
            if name in ("PATH", "HOME", "KUBECONFIG", REQUEST)
        }
        if settings.kubeconfig:
            env[_CONFIG] = order.secrets.get(settings.kubeconfig, "")
        run = ["sh", "-c", _SCRIPT, "kubectl", *arguments]
        return Program(run, order.log.parent, env, "kubectl")
