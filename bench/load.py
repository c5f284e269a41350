"""A bounded load on a server of this machine: keep-alive connections that repeat one GET. Loopback only."""

from __future__ import annotations

import asyncio
import json
import sys
import time


async def _client(
    host: str, port: int, request: bytes, until: float, times: list[float], errors: list[int]
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        while time.perf_counter() < until:
            started = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            await reader.readexactly(length)
            times.append(time.perf_counter() - started)
            if not head.startswith(b"HTTP/1.1 200"):
                errors.append(int(head.split(b" ", 2)[1]))
    finally:
        writer.close()


async def run(port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Requests a second and latencies of ``connections`` clients over ``seconds``."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n".encode()
    times: list[float] = []
    errors: list[int] = []
    started = time.perf_counter()
    await asyncio.gather(
        *(_client("127.0.0.1", port, request, started + seconds, times, errors) for _ in range(connections))
    )
    spent = time.perf_counter() - started
    times.sort()
    return {
        "requests": len(times),
        "per_s": round(len(times) / spent, 1),
        "p50_ms": round(1000 * times[len(times) // 2], 2),
        "p99_ms": round(1000 * times[int(len(times) * 0.99)], 2),
        "errors": len(errors),
    }


if __name__ == "__main__":
    port, path, connections, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(run(int(port), path, int(connections), float(seconds)))))
