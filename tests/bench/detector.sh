#!/usr/bin/env bash
# Does the failure detector do what is demanded of it? One table a demand; see detector.py.
# usage: detector.sh [--long] [TABLE...]      (crash grid ten loss mass split idle speed; all)
# MUSTER_BUILD: the folder with muster-sim (default: build/gcc).
set -eu
cd "$(dirname "$0")/../.."
MUSTER_BUILD=$(cd "${MUSTER_BUILD:-build/gcc}" && pwd)
export MUSTER_BUILD
command -v python3 >/dev/null || { echo "detector: python3 is missing" >&2; exit 1; }
exec python3 tests/bench/detector.py "$@"
