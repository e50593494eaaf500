#!/usr/bin/env bash
# Build the image of docker/postgres and run tests in a container of it: docker/container-test.sh COMMAND [ARGUMENT]…
#
# The engine is that of DOCKER_HOST, which docker/engine.sh makes. BASE names another base image than the Dockerfile's.
set -euo pipefail
cd "$(dirname "$0")/.."

base=${BASE:-postgres:15}
if ! timeout 120 docker pull --quiet "$base"; then
    echo "$base cannot be pulled: a base image is made of Debian's packages."
    base=debian-packages
    docker/base-image.sh "$base"
fi
export INDB_TEST_IMAGE="indb-postgres:on-${base//[^a-zA-Z0-9.]/-}"
# The older builder, because Debian packs no other; it knows all that the Dockerfile says.
DOCKER_BUILDKIT=0 docker build --quiet --network host --build-arg BASE="$base" --tag "$INDB_TEST_IMAGE" \
    --file docker/postgres/Dockerfile .
"$@"
