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

# The agent's own: alone, and with what sends a camera's picture. The console's tests run the same versions.
cd ../agent
lock() {
    python3 -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --no-annotate --constraint ../requirements/base.txt "$@"
}
lock --output-file requirements.txt requirements.in
lock --output-file requirements-media.txt requirements.in media.in
# The tests' own lock has its libraries too: both hold the same versions.
lock --constraint ../requirements/dev.txt --output-file requirements-onvif.txt requirements.in media.in onvif.in
