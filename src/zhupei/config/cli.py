"""The ``zhupei`` command."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

HELP = """\
zhupei: training, tests and supervision of construction-site personnel.

  zhupei init [--demo]          write fresh secrets to var/zhupei.env (once); --demo marks a demonstration
  zhupei prepare                bring the database, texts and static files up to date; load the rule
  zhupei found --login ...      found the city: its units and the first administrator (once)
  zhupei serve                  serve the whole platform: pages, exam engine, jobs, housekeeping
  zhupei hall                   serve only a hall's pages and the exam engine
  zhupei hall --standby         be a hall's second server: copy, wait, take over
  zhupei hall --alone           let a hall's first server go on when its second is lost
  zhupei hall-setup [PASS.zph]  make this machine a hall's own: its request to the centre, its pass
  zhupei carry                  fetch bundles and send returns on a hall's own machine (zhupei hall starts it)
  zhupei doctor [--json]        measure what the rule asks of a hall's server
  zhupei demo                   load the demo city into an empty database
  zhupei walkthrough [--json]   play the whole chain over HTTP on a fresh database, refusals included
  zhupei rehearse [--json]      play 220 candidates over HTTP against a hall of its own (or --server URL --code CODE): the
                                load test; with --kill 20, --fill-disk ... a drill
  zhupei assemble [--json]      assemble papers in memory and say how even they are
  zhupei items import FILE      take items in from a file; --dry-run --json says what it holds (zhupei items import --help)
  zhupei items export FILE      write items out, with their keys
  zhupei check-requirements     list the requirements that no test shows
  zhupei verify                 recompute the audit chain and the hours ledger, and report any difference
  zhupei housekeep              do what is due by the clock (zhupei serve runs it)
  zhupei bench NAME [--json]    measure a hot path (see bench/README.md)
  zhupei catalogues             extract texts, list what lacks a translation, compile

Every command of Django is there too (migrate, shell, dbshell, ...): zhupei help NAME.
Settings come from the environment or from var/zhupei.env; docs/guide/operating.md lists them.
"""


def data_dir() -> Path:
    """Where the platform keeps its files: ``ZHUPEI_DATA``, or ``var`` beside the source."""
    return Path(os.environ.get("ZHUPEI_DATA") or Path(__file__).resolve().parents[3] / "var").resolve()


def init(arguments: list[str]) -> int:
    """Write an environment file with fresh secrets, readable by its owner alone; never overwrites one."""
    path = Path(os.environ.get("ZHUPEI_ENV_FILE") or data_dir() / "zhupei.env")
    if path.exists():
        print(f"{path} exists; its secrets are kept.")
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Secrets of this installation. Keep a copy apart: without the master key the encrypted data cannot be read.",
        f"ZHUPEI_SECRET_KEY={secrets.token_urlsafe(60)}",
        f"ZHUPEI_MASTER_KEY={secrets.token_hex(32)}",
        f"ZHUPEI_DEMO={int('--demo' in arguments)}",
    ]
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"Secrets written to {path}.")
    return 0


def main() -> None:
    """Run a command of the platform, or one of Django's."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0] in ("-h", "--help", "help") and len(arguments) == 1):
        print(HELP, end="")
        return
    if arguments[0] == "init":
        raise SystemExit(init(arguments[1:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhupei.config.settings")
    if (
        arguments[0] in ("walkthrough", "rehearse")
        or arguments[:2] == ["bench", "cutoff"]
        or "synthetic" in " ".join(arguments)
    ):
        # a walkthrough or a drill makes an installation of its own, a synthetic bank needs none: this process only reads settings
        os.environ.setdefault("ZHUPEI_SECRET_KEY", secrets.token_urlsafe(60))
        os.environ.setdefault("ZHUPEI_MASTER_KEY", secrets.token_hex(32))
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line([sys.argv[0], arguments[0].replace("-", "_"), *arguments[1:]])
    except ImproperlyConfigured as error:
        raise SystemExit(f"zhupei: {error}") from None
