"""A line between two servers on one machine that can break at a given byte, and be dead."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

Inside = Callable[[Callable[[], socket.socket]], socket.socket]
"""Makes a socket in some network: what ``Namespace.inside`` does."""


def _here(make: Callable[[], socket.socket]) -> socket.socket:
    return make()


class Line:
    """Relays connections from a port of its own to ``target``; counts what goes through, both ways.

    ``break_down`` and ``break_up`` cut the connection after so many bytes from or to the far end, once. ``down`` closes the
    port; ``up`` opens it again. ``near`` and ``far``: the networks of its two ends, if they are not this one.
    """

    def __init__(self, target: int, *, near: Inside = _here, far: Inside = _here) -> None:
        self.target, self._near, self._far = target, near, far
        self.bytes_down = self.bytes_up = self.broken = 0
        self.break_down: int | None = None
        self.break_up: int | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._door: socket.socket | None = None
        self.port = 0
        self.up()

    @property
    def address(self) -> str:
        """Where the near end reaches the far one."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Open the port."""
        door = self._near(lambda: socket.create_server(("127.0.0.1", self.port), backlog=16))
        self._door, self.port = door, int(door.getsockname()[1])
        threading.Thread(target=self._accept, args=(door,), daemon=True).start()

    def down(self) -> None:
        """Close the port and every connection."""
        door, self._door = self._door, None
        if door is not None:
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, door: socket.socket) -> None:
        while True:
            try:
                near, _address = door.accept()
                far = self._far(lambda: socket.create_connection(("127.0.0.1", self.target), timeout=30))
            except OSError:
                return
            with self._lock:
                self._open |= {near, far}
            for source, sink, is_up in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pump, args=(source, sink, is_up), daemon=True).start()

    def _allowed(self, count: int, is_up: bool) -> int:
        """How many of ``count`` bytes still go through."""
        left = self.break_up if is_up else self.break_down
        passed = count if left is None else min(count, left)
        if is_up:
            self.bytes_up += passed
            self.break_up = None if left is None else left - passed
        else:
            self.bytes_down += passed
            self.break_down = None if left is None else left - passed
        return passed

    def _pump(self, source: socket.socket, sink: socket.socket, is_up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                with self._lock:
                    passed = self._allowed(len(data), is_up)
                    cut = (self.break_up if is_up else self.break_down) == 0
                    if cut:
                        self.broken += 1
                        self.break_up, self.break_down = (
                            (None, self.break_down) if is_up else (self.break_up, None)
                        )
                sink.sendall(data[:passed])
                if cut:
                    self._cut()
                    return
            sink.shutdown(socket.SHUT_WR)
