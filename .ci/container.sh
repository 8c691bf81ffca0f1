#!/bin/sh
# The gate on a fresh Debian, in a container: shows that .ci/run installs all that it needs.
set -eu
tree=$(realpath "$(dirname "$0")/..")
# A copy, owned by who runs it: git trusts no other. Privileged, for tests make network namespaces.
"${CONTAINER_ENGINE:-docker}" run --rm --privileged --volume "$tree:/source:ro" debian:bookworm \
    sh -c 'cp -r /source /steamnet && exec bash /steamnet/.ci/run'
