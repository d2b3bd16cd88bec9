#!/bin/sh
# Does what packaging/README.md says an operator does, under a systemd that has booted.
set -eu
unit=devstream-node
say() { echo "# $*"; }
as_service() {
  systemd-run --quiet --pipe --wait --uid=devstream -p StateDirectory=devstream -p StateDirectoryMode=0700 \
    -p LoadCredentialEncrypted=devstream-key:/etc/credstore.encrypted/devstream-key \
    -E DEVSTREAM_HOME=/var/lib/devstream devstream "$@"
}
ask() { runuser -u devstream -- env DEVSTREAM_HOME=/var/lib/devstream devstream "$@"; }
wait_for() { # COMMAND…: at most half a minute
  for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  echo "in vain: $*"; systemctl status "$unit" --no-pager || :; journalctl -u "$unit" --no-pager | tail -30; exit 1
}

say "the key, the team, the node"
install -dm700 /etc/credstore.encrypted
head -c 32 /dev/urandom | systemd-creds encrypt --name=devstream-key - /etc/credstore.encrypted/devstream-key
as_service team create acme --person ana
systemctl enable --now "$unit"
systemctl show "$unit" -p ActiveState -p Type -p NRestarts
# Type=notify: it answers as soon as the start has returned.
ask status | head -3
ask emit --kind build --state failed --service shop --title 'under systemd'
ask tail | grep 'under systemd FAILED'

say "killed"
before="$(systemctl show "$unit" -p MainPID --value)"
kill -9 "$before"
wait_for sh -c "[ \"\$(systemctl show $unit -p MainPID --value)\" != $before ] && systemctl is-active -q $unit"
ask tail | grep 'under systemd FAILED'

say "a reload"
systemctl reload "$unit"
systemctl is-active "$unit"

say "wrong settings: not started again and again"
systemctl stop "$unit"
echo 'nonsense = 1' >/var/lib/devstream/settings.toml
systemctl start "$unit" 2>/dev/null || :
wait_for systemctl is-failed -q "$unit"
systemctl show "$unit" -p Result -p ExecMainStatus
[ "$(systemctl show "$unit" -p ExecMainStatus --value)" = 78 ]
journalctl -u "$unit" --no-pager -o cat | grep -m1 nonsense
rm /var/lib/devstream/settings.toml
systemctl reset-failed "$unit"

say "an end"
systemctl start "$unit"
systemctl stop "$unit"
systemctl show "$unit" -p Result
systemd-analyze security "$unit" --no-pager | tail -1
echo served
