#!/bin/bash
# What an operator does to a node under systemd, in a machine of its own; each section says what there is to read.
exec > /result 2>&1
command=/opt/devstream/bin/devstream home=/var/lib/devstream unit=devstream-node
credential=LoadCredentialEncrypted=devstream-key:/etc/credstore.encrypted/devstream-key
section() { echo "== $*"; }
show() { systemctl show $unit -p ActiveState,Result,NRestarts,StatusText,ExecMainStatus; }
devstream() { runuser -u devstream -- env DEVSTREAM_HOME=$home $command "$@"; }
settings() { printf '%s\n' "$@" > $home/settings.toml; chown devstream: $home/settings.toml; }
wait_for() { for _ in $(seq 100); do "$@" > /dev/null 2>&1 && return; sleep 0.2; done; echo "waited in vain: $*"; }
active() { systemctl is-active -q $unit; }
restarts() { [ "$(systemctl show $unit -p NRestarts --value)" = "$1" ] && active; }

useradd --system --home-dir $home --shell /usr/sbin/nologin devstream
mkdir -p $home && mount -t tmpfs -o size=64m tmpfs $home && chown devstream: $home
install -dm700 /etc/credstore.encrypted
systemd-creds setup
head -c 32 /dev/urandom | systemd-creds encrypt --name=devstream-key - /etc/credstore.encrypted/devstream-key
mkdir -p /etc/systemd/system/$unit.service.d
printf '[Service]\nWatchdogSec=6\nRestartSec=1\n' > /etc/systemd/system/$unit.service.d/soon.conf
systemctl daemon-reload
systemd-run -q --pipe --wait --uid=devstream -p StateDirectory=devstream -p StateDirectoryMode=0700 \
  -p $credential -E DEVSTREAM_HOME=$home $command team create acme --person ana

section started
systemctl start $unit; show
devstream status | head -1

section reloaded
settings '[metrics]' 'listen = "127.0.0.1:9464"'
systemctl reload $unit
wait_for curl -sf http://127.0.0.1:9464/health
curl -s http://127.0.0.1:9464/health; echo
curl -s http://127.0.0.1:9464/metrics | grep -c '^devstream'
journalctl -u $unit -o json --no-pager | grep -c '"DEVSTREAM_ROOM"'

section reloaded with a mistake
settings '[metrics]' 'listen = "127.0.0.1:9464"' '[mash]'
systemctl reload $unit
wait_for sh -c "systemctl show $unit -p StatusText | grep notice"
show; devstream status | grep '^!'
journalctl -u $unit -p err --no-pager -o cat | tail -1

section started with a mistake
systemctl restart $unit; sleep 3; show
journalctl -u $unit --no-pager -o cat | grep settings.toml | tail -1

section mended
settings '[metrics]' 'listen = "127.0.0.1:9464"'
systemctl reset-failed $unit; systemctl start $unit; show

section killed
kill -9 "$(systemctl show $unit -p MainPID --value)"
wait_for restarts 1; show

section standing still
kill -STOP "$(systemctl show $unit -p MainPID --value)"
wait_for restarts 2; show
journalctl -u $unit --no-pager -o cat | grep -m 1 'Watchdog timeout'

section full
wait_for curl -sf http://127.0.0.1:9464/health
dd if=/dev/zero of=$home/filler bs=64k 2> /dev/null
for _ in $(seq 300); do
  devstream emit --kind ticket --state opened --service shop > /dev/null 2> /said || break
done
cat /said; curl -s http://127.0.0.1:9464/health; echo
rm $home/filler
wait_for curl -sf http://127.0.0.1:9464/health
curl -s http://127.0.0.1:9464/health; echo

section stopped
systemctl stop $unit; show
systemd-analyze security $unit --no-pager | tail -1
systemctl poweroff
