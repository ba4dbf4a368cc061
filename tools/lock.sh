#!/bin/sh
# Makes the hashed locks again from requirements/*.in. Needs pip-tools (requirements/dev.txt) on Python 3.11.
# The locks name packages and hashes only: never an index, a host or a folder.
set -eu
cd "$(dirname "$0")/../requirements"
for name in base embedded dev; do
    python3 -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --annotation-style line "$@" --output-file "$name.txt" "$name.in"
done
