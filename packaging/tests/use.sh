#!/bin/sh
# Uses an installed devstream as a person does, and prints what it said: use.sh COMMAND
# DEVSTREAM_HOME, where it is set, is the home; else one is made in a folder of its own.
set -eu
devstream="$1"
folder="$(mktemp -d)"
export XDG_RUNTIME_DIR="$folder" DEVSTREAM_KEY_FILE="$folder/key" DEVSTREAM_HOME="${DEVSTREAM_HOME:-$folder/home}"
sha=0123456789abcdef0123456789abcdef01234567

do_it() { echo "\$ devstream $*"; "$devstream" "$@"; }
expect() { # WORDS FILE: waits for words in a file, at most half a minute
  for _ in $(seq 300); do grep -q -- "$1" "$2" && return 0; sleep 0.1; done
  echo "not seen: $1"; cat "$2"; exit 1
}

do_it --version
do_it team create acme --person ana
cat >"$DEVSTREAM_HOME/targets.toml" <<END
[target.shop.production]
run = ["/bin/sh", "-c", "echo out goes \$DEVSTREAM_SHA, libraries: \$LD_LIBRARY_PATH."]
END
"$devstream" node --no-discovery --listen 127.0.0.1:0 >"$folder/node" 2>&1 &
node=$!
trap 'kill $node 2>/dev/null || :' EXIT
expect ready "$folder/node"

do_it team grant ana deployer shop/production
do_it emit --kind build --state failed --service shop --title 'the packaged build'
do_it search packaged | grep 'the packaged build FAILED'
do_it deploy shop production --sha "$sha" --yes
do_it tail >"$folder/tail"
expect "deployed 0123456 to production" "$folder/tail"
cat "$folder/tail"
grep "out goes $sha, libraries: .$" "$DEVSTREAM_HOME"/deploy-logs/*
echo '$ devstream source add --help'
types="$("$devstream" source add --help | grep -cE '^ {4}[a-z]+ ')"
[ "$types" -ge 80 ] || { echo "only $types types of sources"; exit 1; }
do_it doctor >"$folder/doctor" || { cat "$folder/doctor"; exit 1; }
tail -1 "$folder/doctor"
do_it completion bash | grep -q 'complete -o'
do_it man | grep -q '^.TH DEVSTREAM 1'
do_it status >/dev/null

kill "$node"
wait "$node" || :
trap - EXIT
rm -r "$folder"
echo used
