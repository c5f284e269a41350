"""Run a command against a PostgreSQL server of its own: made in a temporary folder, on a free port, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys

from clusters import CARELESS, Cluster


def main() -> int:
    try:
        cluster = Cluster(CARELESS)
    except FileNotFoundError as problem:
        print(problem, file=sys.stderr)
        return 1
    with cluster:
        environment = {**os.environ, "DATABASE_URL": cluster.url}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
