#!/usr/bin/env bash
# Makes the Debian package of a build directory that is built ($1), unpacks it, and runs what is in it.
set -euo pipefail
build=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

cd "$build"
cpack --config CPackConfig.cmake -D CPACK_OUTPUT_FILE_PREFIX="$folder/made" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; fail cpack; }
package=("$folder"/made/driftwood_*.deb)
dpkg-deb -x "${package[0]}" "$folder/root"
dpkg-deb -e "${package[0]}" "$folder/control"
root=$folder/root

for script in postinst prerm postrm; do sh -n "$folder/control/$script" || fail "$script"; done
grep -q '^Depends: .*libpq5.*libsqlite3-0' "$folder/control/control" || fail "the libraries are no dependencies"
[ -z "$(find "$root/etc" 2>/dev/null)" ] || fail "the package writes into /etc"

# Both programs find each other where they are installed.
cd "$folder"
printf 'id,v\n1,a\n2,b\n' >a.csv
printf 'id,v\n1,a\n2,c\n' >b.csv
status=0
"$root/usr/bin/driftwood" a.csv b.csv --key id >report || status=$?
[ "$status" = 1 ] || fail "exit code $status"
grep -q '^2 *v *b → c' report || { cat report; fail "the report"; }

for page in driftwood driftwood-agent; do
  said=$(groff -k -man -Tutf8 -P-cbou -ww "$root/usr/share/man/man1/$page.1" 2>&1 >"$folder/$page.txt")
  [ -z "$said" ] || fail "$page.1: $said"
done
grep -q 'recheck.max' driftwood.txt || fail "the manual page has no options"
grep -q 'allow.values' driftwood-agent.txt || fail "the agent's manual page has no options"
bash -n "$root/usr/share/bash-completion/completions/driftwood" || fail "the completions"

(umask 077; echo secret >"$root/usr/share/driftwood/shop.password")  # which it names
"$root/usr/bin/driftwood" config check "$root/usr/share/driftwood/nightly.toml" || fail "the sample"

# The agent's sample, with its paths in here: it starts, and says which of its datasets it can't open.
mkdir -m 700 run state etc
sed "s|/run/driftwood|$folder/run|; s|/var/lib/driftwood|$folder/state|; s|/etc/driftwood|$folder/etc|
     s|csv:[^\"]*|csv:$folder/a.csv?key=id|; s|@localhost/shop?|@/shop?host=$folder\&|
     s|@localhost/shop|@/shop?host=$folder|
     " "$root/usr/share/driftwood/agent.toml" >agent.toml
(umask 077; echo secret >etc/shop.password)
coproc agent { exec "$root/usr/bin/driftwood-agent" --config agent.toml 2>agent.log; }
read -r line <&"${agent[0]}" || { cat agent.log; fail "the agent's sample"; }
[ "$line" = "listening on unix:$folder/run/agent.sock" ] || fail "$line"
status=0
"$root/usr/bin/driftwood" "agent:unix:$folder/run/agent.sock/prices" b.csv --key id \
  --digest-key-file state/digest.key >report || status=$?
[ "$status" = 1 ] || { cat report agent.log; fail "the agent of the sample: exit code $status"; }
kill "$agent_PID"
wait "$agent_PID" || fail "the agent's end"
grep -q 'orders.*can.t be opened' agent.log || { cat agent.log; fail "the dataset that can't be opened"; }

for unit in "$root"/usr/lib/systemd/system/*; do
  grep -q '^Description=' "$unit" || fail "$unit"
done
echo "the package holds what it should"
