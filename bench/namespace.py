"""A network of its own: processes and sockets made inside reach one another over its loopback, and nothing else."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
T = TypeVar("T")


class Namespace:
    """One thread that has left this machine's network; it ends with ``close()``, the network with its last process.

    Raises ``OSError`` where the system does not allow it (root may on Linux).
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="namespace")
        try:
            self.inside(_leave)
        except BaseException:
            self.close()
            raise

    def inside(self, do: Callable[[], T]) -> T:
        """What ``do`` gives in there. A process that it starts, or a socket that it makes, belongs there for good."""
        return self._thread.submit(do).result()

    def interfaces(self) -> list[str]:
        """The names of its network interfaces."""
        return self.inside(lambda: [name for _number, name in socket.if_nameindex()])

    def close(self) -> None:
        """Leave it to its processes."""
        self._thread.shutdown(wait=False)


def _leave() -> None:
    if threading.current_thread() is threading.main_thread():
        raise RuntimeError("the whole process would leave")
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "unshare") or library.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
