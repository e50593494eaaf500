#!/usr/bin/env bash
# Make a base image for docker/postgres from Debian's packages: docker/base-image.sh TAG
#
# It stands in for the official image where no registry can be reached, and is for tests only: the PostgreSQL of this
# machine's release, from the places where this machine gets its packages, trusting the certificates that it trusts.
set -euo pipefail
cd "$(dirname "$0")"
tag=$1

fail() {
    echo "cannot make a base image of Debian's packages: $*" >&2
    exit 1
}

command -v apt-get >/dev/null || fail "found no apt-get, needed Debian"
apt-get update --quiet=2
command -v mmdebstrap >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends mmdebstrap

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# apt's own view of its sources, whichever files and formats they are written in.
# shellcheck disable=SC2016
apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' 'Origin: Debian' |
    sort --unique >"$work/debian.list"
[ -s "$work/debian.list" ] || fail "apt knows no source of Debian's"
{
    apt-config dump Acquire | grep -E '^Acquire::(https?::|Check-)' || true # proxies and the like
    echo 'Acquire::Languages "none";'
} >"$work/apt.conf"
# shellcheck disable=SC1091
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

# $1 is the image's root. No cluster is made while it is installed: the entrypoint makes one.
# shellcheck disable=SC2016
mmdebstrap --quiet --variant=minbase --include=postgresql,ca-certificates --aptopt="$work/apt.conf" \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common"' \
    --essential-hook='echo create_main_cluster = false >"$1/etc/postgresql-common/createcluster.conf"' \
    --customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs' \
    --customize-hook='copy-in postgres/docker-entrypoint.sh /usr/local/bin' \
    --customize-hook='ls "$1/usr/lib/postgresql" >'"$work/major" \
    "$suite" "$work/base.tar" "$work/debian.list"

major=$(cat "$work/major")
docker import \
    --change "ENV PG_MAJOR=$major" \
    --change "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/$major/bin" \
    --change 'ENV PGDATA=/var/lib/postgresql/data' \
    --change 'ENV LANG=C.UTF-8' \
    --change 'VOLUME /var/lib/postgresql/data' \
    --change 'EXPOSE 5432' \
    --change 'ENTRYPOINT ["docker-entrypoint.sh"]' \
    --change 'CMD ["postgres"]' \
    "$work/base.tar" "$tag"
