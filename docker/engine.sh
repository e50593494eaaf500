#!/usr/bin/env bash
# Run a command with a Docker engine of its own: docker/engine.sh COMMAND [ARGUMENT]…
#
# Needs root on Linux; installs Docker where there is none and apt-get is. The engine keeps everything in one temporary
# folder, has a bridge of its own and changes no firewall rule, so that another engine of the machine is left alone.
# When the command ends, engine, containers, images, folder and bridge are gone.
set -euo pipefail

fail() {
    echo "cannot start a Docker engine: $*" >&2
    exit 1
}

[ "$(uname)" = Linux ] || fail "found $(uname), needed Linux. Where an engine runs, \`make test\` uses it."
[ "$(id -u)" = 0 ] || fail "needs root. Where an engine runs that you may use, \`make test\` uses it."
missing() { ! command -v dockerd || ! command -v docker || ! command -v ip; } >/dev/null
if missing; then
    command -v apt-get >/dev/null || fail "there is no dockerd. Install Docker."
    apt-get update --quiet=2
    export DEBIAN_FRONTEND=noninteractive
    apt-get install --quiet=2 --yes --no-install-recommends docker.io iproute2
    command -v docker >/dev/null || apt-get install --quiet=2 --yes --no-install-recommends docker-cli # Debian 13 on
fi

name=indb$$
folder=$(mktemp -d "/tmp/$name-XXXXXX") # not TMPDIR, which may be long: a socket's path has 107 bytes
engine=
key=/etc/docker/key.json # Docker 20.10 writes it, whatever its flags say
[ ! -e "$key" ] || key=

stop() {
    if [ -n "$engine" ]; then
        kill "$engine" 2>/dev/null || true
        wait "$engine" || true
    fi
    awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort --reverse | xargs --no-run-if-empty umount
    find /sys/fs/cgroup -depth -type d -name "$name" -exec rmdir {} + 2>/dev/null || true
    ip link delete "$name" 2>/dev/null || true
    rm -rf --one-file-system "$folder" "$key"
    rmdir --ignore-fail-on-non-empty /run/docker/plugins /run/docker 2>/dev/null || true
}
trap stop EXIT

# 198.18.0.0/15 is for tests of networks: no real one is hidden. Without iptables the engine's own proxy forwards the
# ports, and what needs the world while an image is built takes the host's network (docker build --network host).
ip link add "$name" type bridge
ip address add "198.18.$(($$ % 256)).1/24" dev "$name"
ip link set "$name" up
echo '{}' >"$folder/daemon.json"
# It ends with this script even when that is killed.
setpriv --pdeathsig TERM dockerd --config-file "$folder/daemon.json" \
    --data-root "$folder/data" --exec-root "$folder/run" --pidfile "$folder/pid" --host "unix://$folder/socket" \
    --containerd-namespace "$name" --containerd-plugins-namespace "$name-plugins" --cgroup-parent "/$name" \
    --bridge "$name" --ip 127.0.0.1 --ip-forward=false --ip-masq=false --iptables=false --ip6tables=false \
    >"$folder/log" 2>&1 &
engine=$!

unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
export DOCKER_HOST=unix://$folder/socket
for ((tenths = 300; ; tenths--)); do
    if docker version >/dev/null 2>&1; then break; fi
    if ((tenths == 0)) || ! kill -0 "$engine" 2>/dev/null; then
        tail -n 20 "$folder/log" >&2
        fail "the last lines of its log are above."
    fi
    sleep 0.1
done
"$@"
