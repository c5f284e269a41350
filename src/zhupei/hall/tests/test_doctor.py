"""What the doctor says of servers good and bad, and that it never passes what it cannot see."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from tests.makers import make_institution, make_rulebook, make_site, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.hall.actions import machines as acts
from zhupei.hall.api import engine
from zhupei.hall.models import ServerCheck
from zhupei.hall.readiness import doctor, line
from zhupei.hall.readiness.doctor import Host
from zhupei.hall.readiness.doctor_words import POINTS
from zhupei.hall.readiness.findings import Finding, read, stored, told, worst
from zhupei.kernel import clock
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import Role


class Server:
    """A server as its files tell, laid out in a folder."""

    def __init__(self, root: Path, **files: str) -> None:
        self.root = root
        for name, text in {**GOOD, **files}.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def host(self) -> Host:
        return Host(self.root)

    def disk(self, name: str, *, rotational: int, gigabytes: int, partition: str = "") -> int:
        """Put a disk under the device number 8:1; returns it."""
        self.write(f"sys/devices/{name}/size", str(gigabytes * 10**9 // 512))
        self.write(f"sys/devices/{name}/queue/rotational", str(rotational))
        target = self.root / "sys/devices" / name
        if partition:
            self.write(f"sys/devices/{name}/{partition}/partition", "1")
            self.write(f"sys/devices/{name}/{partition}/size", "2048")
            target = target / partition
        (self.root / "sys/dev/block").mkdir(parents=True, exist_ok=True)
        link = self.root / "sys/dev/block/8:1"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        return os.makedev(8, 1)


CPU = "processor\t: {n}\nmodel name\t: Intel(R) Xeon(R) Silver 4208 CPU @ {ghz}GHz\ncpu MHz\t\t: 800.0\n\n"
GOOD = {
    "proc/cpuinfo": "".join(CPU.format(n=n, ghz="2.10") for n in range(4)),
    "proc/meminfo": "MemTotal:        7812345 kB\n",
    "etc/os-release": 'NAME="CentOS Linux"\nID="centos"\nVERSION_ID="7"\nID_LIKE="rhel fedora"\n',
    "etc/centos-release": "CentOS Linux release 7.6.1810 (Core)\n",
    "sys/class/net/eth0/speed": "1000\n",
    "sys/class/net/eth0/operstate": "up\n",
    "sys/class/net/eth0/device/vendor": "0x8086",
    "proc/net/tcp": "  sl  local_address rem_address   st\n   0: 00000000:1F40 00000000:0000 0A 0\n",
    "proc/mounts": "/dev/sda1 / xfs rw 0 0\nstore:/x /mnt/far nfs4 rw 0 0\n",
}


@pytest.mark.req("R119", "R120", "R121")
def test_processor_and_memory(tmp_path: Path) -> None:
    good = Server(tmp_path / "good").host
    assert [f(good).verdict for f in (doctor.cores, doctor.ghz, doctor.memory)] == ["ok", "ok", "ok"]
    assert doctor.ghz(good).value == "2.10 GHz"  # what it is made for, not what it idles at
    poor = Server(
        tmp_path / "poor",
        **{
            "proc/cpuinfo": "".join(CPU.format(n=n, ghz="2.00") for n in range(3)),
            "proc/meminfo": "MemTotal: 4000000 kB\n",
        },
    ).host
    assert [f(poor).verdict for f in (doctor.cores, doctor.ghz, doctor.memory)] == ["fail", "fail", "fail"]
    bound = Server(
        tmp_path / "bound",
        **{"sys/fs/cgroup/cpu.max": "200000 100000", "sys/fs/cgroup/memory.max": str(2**31)},
    )
    assert doctor.cores(bound.host).value == "2"  # a container's quota
    assert doctor.memory(bound.host).verdict == "fail"
    blind = Server(tmp_path / "blind", **{"proc/cpuinfo": "", "proc/meminfo": ""}).host
    assert [f(blind).verdict for f in (doctor.ghz, doctor.memory)] == ["unknown", "unknown"]
    odd = Server(
        tmp_path / "odd", **{"sys/fs/cgroup/cpu.max": "max 100000", "proc/meminfo": "MemTotal: x kB"}
    ).host
    assert (doctor.cores(odd).value, doctor.memory(odd).verdict) == ("4", "unknown")


@pytest.mark.req("R122")
def test_the_disk_under_the_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(tmp_path)

    class Folder:
        device = os.makedev(8, 1)

        def stat(self) -> Any:
            return type("Stat", (), {"st_dev": self.device})()

    def verdicts() -> list[str]:
        return [one.verdict for one in doctor.disk(server.host, Folder())]  # type: ignore[arg-type]

    found = doctor.disk(server.host, Folder())  # type: ignore[arg-type]
    assert [(one.verdict, one.reason) for one in found] == [("unknown", "no_disk")] * 2
    server.write(".dockerenv", "")
    assert {one.reason for one in doctor.disk(server.host, Folder())} == {"container"}  # type: ignore[arg-type]
    server.disk("sda", rotational=0, gigabytes=128, partition="sda1")
    assert verdicts() == ["ok", "ok"]
    server.disk("sdb", rotational=1, gigabytes=4000)
    assert verdicts() == ["fail", "ok"]
    server.disk("nvme0n1", rotational=0, gigabytes=64)
    assert verdicts() == ["ok", "fail"]
    server.disk("vda", rotational=1, gigabytes=275)
    assert verdicts() == ["unknown", "ok"]
    # a volume on two disks is as slow as the slower one
    server.disk("sdc", rotational=1, gigabytes=500)
    server.disk("dm-0", rotational=0, gigabytes=500)
    slaves = tmp_path / "sys/devices/dm-0/slaves"
    slaves.mkdir()
    (slaves / "sda1").symlink_to(tmp_path / "sys/devices/sda/sda1")
    assert verdicts() == ["ok", "ok"]
    (slaves / "sdc").symlink_to(tmp_path / "sys/devices/sdc")
    assert verdicts() == ["fail", "ok"]


@pytest.mark.req("R123")
def test_the_operating_system(tmp_path: Path) -> None:
    def judged(name: str, **files: str) -> tuple[str, str]:
        found = doctor.system(Server(tmp_path / name, **files).host)
        return found.verdict, found.reason

    assert judged("named") == ("ok", "named")
    assert judged("later", **{"etc/centos-release": "CentOS Linux release 7.9.2009 (Core)"}) == (
        "ok",
        "successor",
    )
    for name in ("openEuler", "kylin", "rocky"):
        assert judged(name, **{"etc/os-release": f'ID="{name}"\nNAME=X\nVERSION_ID="9"\n'}) == (
            "ok",
            "successor",
        )
    assert judged("debian", **{"etc/os-release": "ID=debian\nNAME=Debian\n"}) == ("warn", "other_family")
    assert judged("none", **{"etc/os-release": ""})[0] == "unknown"


@pytest.mark.req("R113", "R115", "R130")
def test_links_and_shares(tmp_path: Path) -> None:
    server = Server(tmp_path)
    assert doctor.links(server.host).verdict == "ok"
    assert doctor.shares(server.host).verdict == "ok"
    server.write("sys/class/net/veth1/speed", "10\n")  # no hardware behind it
    assert doctor.links(server.host).verdict == "ok"
    server.write("sys/class/net/eth1/speed", "10\n")
    server.write("sys/class/net/eth1/device/vendor", "0x8086")
    assert (doctor.links(server.host).verdict, doctor.links(server.host).value) == (
        "fail",
        "eth0 1000 Mbit/s, eth1 10 Mbit/s",
    )
    server.write("sys/class/net/eth1/operstate", "down\n")
    assert doctor.links(server.host).verdict == "ok"
    server.write("sys/class/net/eth0/speed", "-1\n")
    assert doctor.links(server.host).verdict == "unknown"
    server.write("proc/net/tcp6", "x\n   0: 00000000000000000000000000000000:01BD 0:0 0A 0\n")
    assert (doctor.shares(server.host).verdict, doctor.shares(server.host).value) == ("fail", "TCP 445")
    server.write("proc/net/tcp6", "x\n   0: 00000000000000000000000000000000:01BD 0:0 01 0\n")
    assert doctor.shares(server.host).verdict == "ok"  # a connection, nobody listens
    for name in ("tcp", "tcp6"):
        server.write(f"proc/net/{name}", "")
    assert doctor.shares(server.host).verdict == "unknown"


@pytest.mark.req("I05")
def test_the_clock_against_the_centre_is_closed_in_by_samples() -> None:
    # ours is 0.4 s ahead; the answers name whole seconds only
    samples = [(t + 0.4, t + 0.42, float(int(t + 0.01))) for t in (1000 + n * 0.09 for n in range(12))]
    offset, doubt = line.offset_of(samples) or (0.0, 9.0)
    assert abs(offset - 0.4) <= doubt <= 0.1
    assert line.offset_of([]) is None
    assert line.offset_of([(1000.0, 1000.1, 900.0), (1001.0, 1001.1, 999.0)]) is None  # it was set meanwhile
    for bad in ("", "centre", "ftp://x", "http://"):
        with pytest.raises(ValueError, match="address"):
            line.CentreLine(bad)


class FakeCentre:
    """The centre's server, far or near."""

    def __init__(
        self, *, ahead: float = 0.0, dead: bool = False, code: str = "123456", date: str = ""
    ) -> None:
        self.ahead, self.dead, self.code, self.date = ahead, dead, code, date

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.dead:
            raise httpx.ConnectError("gone")
        date = self.date or formatdate(clock.now().timestamp() + self.ahead, usegmt=True)
        if request.url.path == "/exam/health":
            return httpx.Response(200, headers={"date": date})
        if request.url.path == "/measure/enter":
            if self.code.encode() not in request.content:
                return httpx.Response(403)
            return httpx.Response(303, headers={"location": "/measure/seat?t=1.0.9.ff"})
        return httpx.Response(200, stream=httpx.ByteStream(b"x" * int(request.url.params["size"])))

    def centre(self, code: str = "") -> line.CentreLine:
        return line.CentreLine("http://centre.test", code, transport=httpx.MockTransport(self))


@pytest.mark.req("R116", "I05")
def test_the_line_to_the_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line.time, "sleep", lambda _s: None)

    def judged(centre: line.CentreLine | None) -> dict[str, tuple[str, str]]:
        return {one.code: (one.verdict, one.reason) for one in doctor.uplink(centre)}

    assert set(judged(None).values()) == {("unknown", "no_centre")}
    assert judged(FakeCentre(dead=True).centre()) == {
        "clock": ("unknown", "unreachable"),
        "uplink_time": ("fail", "unreachable"),
        "uplink": ("unknown", "unreachable"),
    }
    near = judged(FakeCentre().centre("123456"))
    assert (near["clock"], near["uplink_time"], near["uplink"]) == (("ok", ""), ("ok", ""), ("ok", ""))
    assert judged(FakeCentre().centre("999"))["uplink"] == ("unknown", "bad_code")
    assert judged(FakeCentre().centre())["uplink"] == ("unknown", "no_code")
    assert judged(FakeCentre(ahead=30).centre())["clock"] == ("fail", "")
    assert judged(FakeCentre(date="yesterday, perhaps").centre())["clock"] == ("unknown", "")


@pytest.mark.req("I03")
def test_space_writes_secrets_journal_and_the_one_engine(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _p: type("U", (), {"free": 3 * 2**30})())
    assert doctor.space(tmp_path).verdict == "fail"
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _p: type("U", (), {"free": 30 * 2**30})())
    assert doctor.space(tmp_path).verdict == "ok"
    assert doctor.writes(tmp_path).verdict in ("ok", "warn", "fail")
    assert not list(tmp_path.iterdir())  # it leaves nothing behind
    assert doctor.writes(tmp_path / "nowhere").reason == "cannot_write"

    settings.ENV_FILE = tmp_path / "zhupei.env"
    assert doctor.secrets().reason == "environment"
    settings.ENV_FILE.write_text("x")
    settings.ENV_FILE.chmod(0o640)
    assert (doctor.secrets().verdict, doctor.secrets().value) == ("fail", "0640")
    settings.ENV_FILE.chmod(0o600)
    assert doctor.secrets().verdict == "ok"

    def journal() -> tuple[str, str]:
        found = next(one for one in doctor.database(tmp_path) if one.code == "journal")
        return found.verdict, found.reason or found.value

    assert journal() == ("unknown", "no_journal")
    path = tmp_path / "journal.sqlite3"
    with sqlite3.connect(path) as store:
        store.execute("CREATE TABLE a (b)")
    assert journal() == ("fail", "SQLite delete")
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA journal_mode=WAL")
    assert journal() == ("ok", "SQLite wal")
    path.write_bytes(b"no database at all, but long enough to be read as one" * 10)
    assert journal() == ("fail", "damaged")
    settings.HALL_JOURNAL = "postgresql://nobody@127.0.0.1:1/none"
    assert journal() == ("fail", "no_database")

    host = Server(tmp_path / "server").host
    assert doctor.one_engine(host, tmp_path).reason == "none"
    with (tmp_path / "engine.lock").open("w") as file:
        assert doctor.one_engine(host, tmp_path).reason == "none"
        fcntl.flock(file, fcntl.LOCK_EX)
        assert doctor.one_engine(host, tmp_path).reason == "elsewhere"
    assert doctor.one_engine(host, Path("/mnt/far/hall")).reason == "network_drive"


@pytest.mark.django_db
def test_this_very_server_is_examined_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = 0
    try:
        call_command("doctor", "--json", data=tmp_path)
    except SystemExit as end:
        code = end.code
    whole = json.loads(capsys.readouterr().out)
    assert code == (1 if whole["verdict"] == "fail" else 0)
    assert {one["code"] for one in whole["findings"]} == set(POINTS)
    assert whole["verdict"] in ("ok", "unknown", "warn", "fail")
    for one in whole["findings"]:
        assert one["words"]["zh"]["label"] != one["words"]["en"]["label"]
        assert one["words"]["zh"]["wanted"]
        assert one["words"]["en"]["wanted"]
        if one["verdict"] != "ok":
            assert one["words"]["zh"]["advice"]
            assert one["words"]["en"]["advice"]
    assert not any(name.name.startswith("doctor-") for name in tmp_path.iterdir())


def test_every_reason_has_its_words() -> None:
    source = Path(doctor.__file__).read_text()
    reasons = set(re.findall(r'reason="(\w+)"', source))
    known = {reason for point in POINTS.values() for reason in point.do}
    assert reasons <= known, reasons - known
    assert worst([]) == "unknown"
    assert worst([Finding("a", "ok"), Finding("b", "unknown")]) == "unknown"
    assert read([{"code": "x", "verdict": "fine"}, {"verdict": "ok"}, *stored([Finding("a", "ok")])]) == [
        Finding("a", "ok")
    ]
    assert told(Finding("gone", "fail"), POINTS)["label"] == "gone"


@pytest.mark.django_db
def test_the_halls_page_examines_and_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    make_rulebook()
    site = make_site(make_institution(), "hall", rooms=(("一", 5),))
    unit = site.institution.organisation
    found = [Finding("cores", "fail", "2"), Finding("memory", "ok", "16 GiB")]
    monkeypatch.setattr(acts, "examine", lambda **_: found)
    visitor = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD, unit))
    answer = visitor.post(reverse("hall:examine", args=[site.pk]), {"code": ""})
    row = ServerCheck.objects.get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("hall:server_check", args=[row.pk])
    assert row.verdict == "fail"
    assert AuditEvent.objects.get(code="hall.server_checked").after["verdict"] == "fail"
    text = visitor.get(answer.headers["Location"]).content.decode()
    assert "处理器核数" in text
    assert "4 核及以上" in text
    assert "处理器核数" in visitor.get(reverse("hall:record", args=[site.pk])).content.decode()
    centre = sign_in(Client(), make_user(Role.CENTRE_OFFICER))
    assert centre.get(answer.headers["Location"]).status_code == 200
    other = sign_in(Client(), make_user(Role.HALL_TECHNICAL_HEAD))
    assert other.get(answer.headers["Location"]).status_code == 404


@pytest.mark.django_db
def test_nothing_is_examined_while_a_test_runs() -> None:
    from .days import Day

    day = Day()
    site = day.batch.hall
    with clock.frozen(day.starts_at - timedelta(minutes=20)):
        day.running()
        assert engine().health().states["running"] == 1
        with pytest.raises(Refusal) as caught:
            acts.check_server(site, by=day.keeper)
    assert caught.value.code == "test_running"


@pytest.mark.django_db
def test_the_pass_says_where_the_centre_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(doctor, "CentreLine", lambda address, _code: asked.append(address))
    monkeypatch.setattr(doctor, "centre_link", lambda: None)
    doctor.examine(tmp_path)
    assert asked == []
    known = type("Link", (), {"centre_address": "https://centre.test"})()
    monkeypatch.setattr(doctor, "centre_link", lambda: known)
    doctor.examine(tmp_path)
    doctor.examine(tmp_path, centre="https://other.test")
    assert asked == ["https://centre.test", "https://other.test"]
