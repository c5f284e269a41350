"""The platform's own application, with bundles loaded, everybody checked in and every room open when it comes up.

``ZHUPEI_BENCH_BUNDLES``: a folder of bundles (MessagePack). When all is ready, ``ready.json`` there says how long it took and
how much memory the process has.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from zhupei.config import asgi
from zhupei.delivery.formats.bundles import bundle_decoder
from zhupei.hall.process import engine

application = asgi.application
_FOLDER = Path(os.environ["ZHUPEI_BENCH_BUNDLES"])
_own_start = asgi.MOUNTS["/exam"].start


def rss_mb() -> float:
    """Memory of this process, as the system counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def _load() -> None:
    hall, before = engine(), rss_mb()
    decoding = loading = 0.0
    count = 0
    for path in sorted(_FOLDER.glob("*.bundle")):
        started = time.perf_counter()
        bundle = bundle_decoder.decode(path.read_bytes())
        decoded = time.perf_counter()
        hall.load(bundle)
        decoding, loading = decoding + decoded - started, loading + time.perf_counter() - decoded
        count += len(bundle.candidates)
        with ThreadPoolExecutor(32) as desks:
            for one in bundle.candidates:
                desks.submit(hall.admit, one.candidate_id, by="签到台", method="id_card")
        for session in bundle.sessions:
            hall.open_session(session.id, by="监考")
    told = {
        "candidates": count,
        "decode_s": round(decoding, 2),
        "load_s": round(loading, 2),
        "rss_before_mb": before,
        "rss_mb": rss_mb(),
    }
    (_FOLDER / "ready.json").write_text(json.dumps(told))


async def _start() -> None:
    await _own_start()
    await asyncio.to_thread(_load)


asgi.MOUNTS["/exam"].start = _start  # type: ignore[method-assign]
