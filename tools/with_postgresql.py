"""Run a command against a PostgreSQL server of its own: made in a temporary folder, on a free port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not binaries:
        print("PostgreSQL is not installed: apt-get install postgresql", file=sys.stderr)
        return 1
    folder = binaries[-1].parent
    home = Path(tempfile.mkdtemp(prefix="zhupei-pg-"))
    as_postgres: dict[str, object] = {}
    if os.getuid() == 0:  # the server refuses to run as root
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
        as_postgres = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = home / "data"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, **as_postgres)  # type: ignore[call-overload]

    try:
        run(
            str(folder / "initdb"),
            "-D",
            str(data),
            "-U",
            "zhupei",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        )
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c max_connections=60"
        )
        options += (
            " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"  # tests only: nothing to lose
        )
        run(str(folder / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log"), "-o", options, "start")
        run(str(folder / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "zhupei", "zhupei")
        environment = {**os.environ, "DATABASE_URL": f"postgresql://zhupei@127.0.0.1:{port}/zhupei"}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    finally:
        subprocess.run(
            [str(folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"],
            check=False,
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_postgres,  # type: ignore[call-overload]
        )
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
