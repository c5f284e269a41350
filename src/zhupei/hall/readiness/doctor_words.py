"""What ``zhupei doctor`` says of each point."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from .findings import Point

_NO_CENTRE = _(
    "No centre elsewhere is known to this server. At its console: zhupei doctor --centre https://…"
)
_CONTAINER = _("This program runs in a container and cannot see the hardware. Look at the server itself.")
_UNREACHABLE = _("The centre's server did not answer. Check the line; the test itself goes on without it.")

POINTS: dict[str, Point] = {
    "cores": Point(
        _("Processor cores"),
        _("4 or more"),
        "附件3二（一）",
        {"fail": _("Use a server with more cores, or give the virtual machine more.")},
    ),
    "ghz": Point(
        _("Processor clock"),
        _("2.1 GHz or more"),
        "附件3二（一）",
        {"fail": _("The processor is slower than the rule asks. Use another server.")},
    ),
    "memory": Point(
        _("Memory"),
        _("8 GB or more"),
        "附件3二（一）",
        {"fail": _("Put in more memory, or give the virtual machine more.")},
    ),
    "ssd": Point(
        _("Kind of disk under the answers"),
        _("solid-state disk"),
        "附件3二（一）",
        {
            "fail": _("The answers lie on a turning disk. Move the data folder to a solid-state disk."),
            "virtual": _("This is a virtual disk; only the host knows what is under it. Ask whoever runs the host, and look at "
                         "the time of a durable write."),
            "container": _CONTAINER,
            "no_disk": _("The data folder lies on no disk of this machine. Look where it really is."),
        },
    ),
    "disk": Point(
        _("Size of that disk"),
        _("128 GB or more"),
        "附件3二（一）",
        {
            "fail": _("The disk is smaller than the rule asks. Use a larger one."),
            "container": _CONTAINER,
            "no_disk": _("The data folder lies on no disk of this machine. Look where it really is."),
        },
    ),
    "space": Point(
        _("Free space / needed for the coming batches"),
        _("answers, photos and a reserve of 4 GiB"),
        "",
        {"fail": _("Make room on the disk: take returned batches and old recordings elsewhere.")},
    ),
    "writes": Point(
        _("Durable write: usual / slow"),
        _("slow ones within 25 ms"),
        "",
        {
            "warn": _("Answers are kept later than they should be. Stop other programs that use this disk."),
            "fail": _("The disk is too slow for a test. Use a solid-state disk and nothing else on it."),
            "cannot_write": _("The data folder cannot be written. Check its owner and the disk at once."),
        },
    ),
    "system": Point(
        _("Operating system"),
        "CentOS 7.6",
        "附件3二（二）",
        {
            "named": _("This is the system that the rule names. It gets no security updates since 30 June 2024: keep it off the "
                       "open network, and agree with the centre on a successor."),
            "successor": _("A successor of the system that the rule names; accepted."),
            "other_family": _("The rule names CentOS 7.6. This system runs the program as well; agree on it with the centre."),
        },
    ),
    "time_service": Point(
        _("Clock kept right by a time service"),
        _("yes"),
        "",
        {
            "fail": _("Switch on the time service (chronyd) and let it follow the centre's server or the hall's time source."),
            "unknown": _("The system does not say. Compare the server's clock with a right one."),
        },
    ),
    "time_zone": Point(
        _("Time zone"),
        "UTC+8",
        "",
        {"warn": _("The program reckons in Beijing time by itself, but other programs' records will differ. Set Asia/Shanghai.")},
    ),
    "clock": Point(
        _("Clock against the centre's"),
        _("within 1 second"),
        "",
        {
            "warn": _("Measure again: it may be more than a second off."),
            "fail": _("Set the clock right before the test, never during it."),
            "no_centre": _NO_CENTRE,
            "unreachable": _UNREACHABLE,
        },
    ),
    "link": Point(
        _("Network links of this server"),
        _("100 Mbit/s or more"),
        "附件3一（一）、四（一）",
        {
            "fail": _("A cable or switch port runs at less than 100 Mbit/s. Change the cable, the port or the switch."),
            "unknown": _("The network card does not say how fast it is (usual in virtual machines). Measure from the clients."),
            "container": _CONTAINER,
        },
    ),
    "uplink_time": Point(
        _("Round trip to the centre"),
        _("within 100 ms"),
        "附件3一（三）",
        {
            "warn": _("The line is slow. The test does not need it; taking bundles in and returns out will take longer."),
            "no_centre": _NO_CENTRE,
            "unreachable": _UNREACHABLE,
        },
    ),
    "uplink": Point(
        _("Line from the centre"),
        _("100 Mbit/s or more"),
        "附件3一（三）",
        {
            "warn": _("Less than the rule asks was left for this measurement. Measure again when nothing else uses the line."),
            "fail": _("The line to the centre is far below what the rule asks. Speak to your network provider."),
            "no_centre": _NO_CENTRE,
            "no_code": _("Give the hall's code of the day, from its page on the centre's server: --code 123456."),
            "bad_code": _("The centre's server did not accept the code of the day. Look it up again on the hall's page there."),
            "busy": _("A test is running on the centre's server, or too many measure at once. Try again later."),
            "unreachable": _UNREACHABLE,
        },
    ),
    "shares": Point(
        _("Open shares on this server"),
        _("none"),
        "附件3四（一）",
        {"fail": _("A file share is open on this server. Switch it off (smbd) before the test.")},
    ),
    "journal": Point(
        _("Journal of the answers"),
        _("written ahead, every acknowledged answer on disk"),
        "",
        {
            "no_journal": _("There is no journal in this folder yet; it is made when the server first starts."),
            "fail": _("The journal is not in the mode in which an answer survives a power cut. Tell those who look after the "
                      "program."),
            "no_database": _("The database of the journal did not answer. Check its address and that it runs."),
            "damaged": _("The journal cannot be read. Start no test; tell those who look after the program."),
        },
    ),
    "database": Point(
        _("Database of the pages"),
        _("writes through to the disk"),
        "",
        {
            "fail": _("The database may lose what it said it kept. Switch fsync and synchronous commits on."),
            "no_database": _("The database did not answer. Run zhupei prepare, or check its address."),
        },
    ),
    "secrets": Point(
        _("File with the secrets"),
        "0600",
        "GB/T 22239",
        {
            "fail": _("Others on this server can read the secrets. chmod 600 the file, and change the secrets if in doubt."),
            "environment": _("The secrets come from the environment, not from a file."),
        },
    ),
    "engine": Point(
        _("One engine on the answers"),
        _("exactly one"),
        "",
        {
            "here": _("It runs in this process."),
            "elsewhere": _("It runs in another process: the server is up."),
            "none": _("It does not run now; the folder is free."),
            "network_drive": _("The data folder lies on a network drive, where two servers could write at once. Put it on a disk "
                               "of this server."),
            "no_lock": _("The folder cannot be locked. Put it on a disk of this server."),
            "cannot_write": _("The data folder cannot be written. Check its owner and the disk at once."),
        },
    ),
}  # fmt: skip
