"""What a Linux server says of itself: processor, memory, disk, network, clock. Reads ``/proc`` and ``/sys``; changes nothing."""

from __future__ import annotations

import ctypes
import os
import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

GIB = 1024**3
VIRTUAL_DISK = re.compile(r"^(vd|xvd|nbd|loop|zram|ram)")
NETWORK_DRIVES = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs"})
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


@dataclass(frozen=True)
class Disk:
    """The disk under a folder. ``solid``: an SSD; None where only the maker of a virtual disk could say."""

    name: str
    size: int
    solid: bool | None


class Host:
    """The server as its files tell; ``root`` is another tree for tests."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def text(self, path: str) -> str:
        """A small file's text; "" if it cannot be read."""
        try:
            with (self.root / path).open(encoding="utf-8", errors="replace") as file:
                return file.read(262_144)
        except OSError:
            return ""

    def number(self, path: str) -> int | None:
        """A file that holds one whole number."""
        text = self.text(path).strip()
        return int(text) if re.fullmatch(r"-?\d{1,18}", text) else None

    @property
    def is_container(self) -> bool:
        """True inside Docker, Podman or the like, where the disks and cables are the host's."""
        return any((self.root / name).exists() for name in (".dockerenv", "run/.containerenv"))

    def cores(self) -> int:
        """Cores that this program may use: of the machine, less what a container's quota takes away."""
        count = len(os.sched_getaffinity(0)) if self.root == Path("/") else self._listed_cores()
        quota = re.fullmatch(r"(\d+) (\d+)", self.text("sys/fs/cgroup/cpu.max").strip())
        if quota and int(quota[2]):
            count = min(count, max(int(quota[1]) // int(quota[2]), 1))
        return count

    def _listed_cores(self) -> int:
        return len(re.findall(r"^processor\s*:", self.text("proc/cpuinfo"), re.M))

    def ghz(self) -> float | None:
        """The processor's nominal clock: as its name or the kernel tells, else what it runs at now."""
        info = self.text("proc/cpuinfo")
        named = re.search(r"model name\s*:.*@ *([\d.]+) *GHz", info)
        if named:
            return float(named[1])
        cpufreq = "sys/devices/system/cpu/cpu0/cpufreq"
        for name in ("base_frequency", "cpuinfo_max_freq"):
            kilohertz = self.number(f"{cpufreq}/{name}")
            if kilohertz and kilohertz > 0:
                return kilohertz / 1e6
        now = [float(one) for one in re.findall(r"cpu MHz\s*:\s*([\d.]+)", info)]
        return max(now) / 1000 if now else None

    def memory(self) -> int | None:
        """Memory in bytes that this program may use."""
        found = re.search(r"MemTotal:\s*(\d+) kB", self.text("proc/meminfo"))
        if not found:
            return None
        limit = self.number("sys/fs/cgroup/memory.max")
        total = int(found[1]) * 1024
        return min(total, limit) if limit else total

    def disk(self, device: int) -> Disk | None:
        """The disk of a device number (``stat().st_dev``); None where no real disk stands behind it (container, network)."""
        link = self.root / "sys/dev/block" / f"{os.major(device)}:{os.minor(device)}"
        try:
            folder = link.resolve(strict=True)
        except OSError:
            return None
        if (folder / "partition").exists():
            folder = folder.parent
        return self._disk(folder, 0)

    def _disk(self, folder: Path, depth: int) -> Disk | None:
        here = folder.relative_to(self.root.resolve())
        sectors = self.number(f"{here}/size")
        if sectors is None:
            return None
        below = sorted(p.resolve() for p in (folder / "slaves").glob("*")) if depth < 4 else []
        kinds: list[bool | None]
        if below:  # volumes and mirrors: as slow as their slowest part
            parts = [p.parent if (p / "partition").exists() else p for p in below]
            kinds = [disk.solid if (disk := self._disk(p, depth + 1)) else None for p in parts]
        elif VIRTUAL_DISK.match(folder.name):
            kinds = [None]
        else:
            rotational = self.number(f"{here}/queue/rotational")
            kinds = [None if rotational is None else rotational == 0]
        solid = False if False in kinds else None if None in kinds else True
        return Disk(folder.name, sectors * 512, solid)

    def file_system(self, folder: Path) -> str:
        """The kind of file system that ``folder`` lies on; "" if it cannot be told."""
        best, kind = "", ""
        for line in self.text("proc/mounts").splitlines():
            parts = line.split(" ")
            if len(parts) < 3:
                continue
            point = parts[1].replace("\\040", " ")
            inside = str(folder) == point or str(folder).startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, parts[2]
        return kind

    def links(self) -> list[tuple[str, int | None]]:
        """Network interfaces that are up and have hardware: (name, Mbit/s, or None if it does not say)."""
        found = []
        for folder in sorted((self.root / "sys/class/net").glob("*")):
            here = f"sys/class/net/{folder.name}"
            if not (folder / "device").exists() or self.text(f"{here}/operstate").strip() == "down":
                continue
            speed = self.number(f"{here}/speed")
            found.append((folder.name, speed if speed and speed > 0 else None))
        return found

    def listens(self, port: int) -> bool | None:
        """True if something listens on a TCP port here; None where that cannot be seen."""
        tables = [self.text(f"proc/net/{name}") for name in ("tcp", "tcp6")]
        if not any(tables):
            return None
        end = f":{port:04X}"
        for line in "\n".join(tables).splitlines():
            parts = line.split()
            if len(parts) > 3 and parts[1].endswith(end) and parts[3] == "0A":
                return True
        return False

    def system(self) -> tuple[str, str, str]:
        """The operating system: its short name ("centos"), its version ("7.6"), and all of it as it calls itself."""
        pairs = {}
        for line in self.text("etc/os-release").splitlines():
            name, _sign, value = line.partition("=")
            pairs[name] = value.strip().strip("\"'")
        version = pairs.get("VERSION_ID", "")
        if pairs.get("ID") == "centos":  # os-release says "7" only
            exact = re.search(r"release (\d+\.\d+)", self.text("etc/centos-release"))
            version = exact[1] if exact else version
        name = pairs.get("NAME") or pairs.get("PRETTY_NAME", "")
        return pairs.get("ID", ""), version, f"{name} {version}".strip()

    def is_like_centos(self) -> bool:
        """True for systems that call themselves kin of Red Hat's."""
        kin = re.search(r'^ID_LIKE="?([^"\n]*)', self.text("etc/os-release"), re.M)
        return bool(kin and {"rhel", "centos", "fedora"} & set(kin[1].split()))

    def zone(self) -> timedelta | None:
        """The system's offset from UTC now. The program's own zone is fixed and says nothing."""
        try:
            with (self.root / "etc/localtime").open("rb") as file:
                return datetime.now(ZoneInfo.from_file(file)).utcoffset()
        except FileNotFoundError:
            return timedelta(0)  # without the file, the system runs on UTC
        except (OSError, ValueError):
            return None

    def synchronised(self) -> bool | None:
        """Whether the kernel's clock is kept right by a time service; None if the kernel does not say."""
        if self.root != Path("/"):
            return None
        buffer = ctypes.create_string_buffer(512)
        try:
            state = ctypes.CDLL(None).adjtimex(buffer)
        except (OSError, AttributeError):
            return None
        if state < 0:
            return None
        status: int = struct.unpack_from("i4xqqqqi", buffer.raw)[5]
        return state != TIME_ERROR and not status & 0x40
