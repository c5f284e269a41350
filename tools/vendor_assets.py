"""Front-end libraries, kept in the repository so that no page ever loads anything from elsewhere.

``python tools/vendor_assets.py`` packs each library from npm at its exact version, compares the package with
the SHA-512 written here, takes out the few files that are used and writes ``vendor.json`` beside them.
``--check`` compares the files in the tree with ``vendor.json`` and needs no network (the tests do it too).

To raise a version: change it here, set its integrity (``npm view NAME@VERSION dist.integrity``), run, look at
the pages.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "src/zhupei/web/static/web/vendor"
TEST_VENDOR = ROOT / "tests/browser/vendor"


@dataclass(frozen=True)
class Library:
    """One npm package, and what of it goes where (``files``: path in the package → file written)."""

    name: str
    version: str
    licence: str
    integrity: str
    folder: Path = VENDOR
    files: dict[str, str] = field(default_factory=dict)


LIBRARIES = [
    Library(
        "bootstrap",
        "5.3.9",
        "MIT",
        "sha512-20cU0rcfw8WdxtVbmfU+xT2EjvVTw9Ror/h1Qvd7DXCujRg8OO9mdBCsmTHdJFf3BuadmBNJtgIuUXsBqSkk/w==",
        files={"dist/css/bootstrap.min.css": "bootstrap.min.css", "LICENSE": "licences/bootstrap.txt"},
    ),
    Library(
        "bootstrap-icons",
        "1.13.2",
        "MIT",
        "sha512-fAU1Ly3dH7hwRg+CB8EZ0Vl0fF80zgXHeUVJyfUOKzoURr+TbwISbCW5tKUoQLERaWYG2emTCybcPbD96hdD1A==",
        files={"LICENSE": "licences/bootstrap-icons.txt"},
    ),
    Library(
        "htmx.org",
        "2.0.11",
        "0BSD",
        "sha512-Thx/WtpeOQqSrqBCw/A1cwGJGg4UrVa3+sW0GmrM3p4gJgO89ecH4qtbnyzDDWFvBTqjnIMCgELTNt636dtamA==",
        files={"dist/htmx.min.js": "htmx.min.js", "LICENSE": "licences/htmx.txt"},
    ),
    Library(
        "echarts",
        "6.1.0",
        "Apache-2.0",
        "sha512-q0yaFPggC9FUdsWH4blavRWFmxdrIodbkoKNAjJudAI6CA9gNPxHtV2RcZNEepZVlk4yvBYkOkbk6HIVpIyHZA==",
        files={
            "dist/echarts.min.js": "echarts.min.js",
            "LICENSE": "licences/echarts.txt",
            "NOTICE": "licences/echarts-notice.txt",
            "licenses/LICENSE-d3": "licences/echarts-d3.txt",
        },
    ),
    Library(
        "axe-core",
        "4.14.1",
        "MPL-2.0",
        "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        folder=TEST_VENDOR,
        files={"axe.min.js": "axe.min.js"},
    ),
]

SPRITE = "icons.svg"
ICONS = """
archive arrow-clockwise arrow-left arrow-repeat arrow-right award bar-chart bell book box-arrow-in-right
box-arrow-right box-arrow-up-right building buildings calendar-check calendar-event camera camera-video
check-circle check-lg chevron-down chevron-right circle circle-half clipboard-check clipboard-data clock
clock-history dash-lg display download exclamation-circle exclamation-triangle eye file-earmark-text flag
folder fonts funnel gear geo-alt graph-up hourglass-split house info-circle journal-text key list
list-check lock megaphone mortarboard patch-check pencil-square people person person-badge person-check
play-circle plus-lg printer qr-code question-circle search send shield-check shield-exclamation
shield-lock slash-circle sort-down sort-up telephone translate trash upload wifi-off x-lg
""".split()  # noqa: SIM905


def npm_pack(library: Library, into: Path) -> Path:
    """The package's archive, whose digest is the one written above."""
    spec = f"{library.name}@{library.version}"
    done = subprocess.run(
        ["npm", "pack", spec, "--silent", "--pack-destination", str(into)],
        check=True,
        capture_output=True,
        text=True,
    )
    archive = into / done.stdout.strip().splitlines()[-1]
    digest = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != library.integrity:
        raise SystemExit(f"{spec}: the package does not have the expected digest")
    return archive


SOURCE_MAP = re.compile(r"/\*# sourceMappingURL=.*?\*/|^//# sourceMappingURL=.*$", re.MULTILINE)


def clean(data: bytes) -> bytes:
    """Text without source map comments (they name files that are not here), one newline at its end."""
    text = SOURCE_MAP.sub("", data.decode())
    return (text.strip() + "\n").encode()


def sprite(archive: tarfile.TarFile) -> bytes:
    """One SVG with a ``<symbol>`` for each icon in ``ICONS``."""
    symbols = []
    for name in sorted(ICONS):
        svg = archive.extractfile(f"package/icons/{name}.svg").read().decode()  # type: ignore[union-attr]
        body = re.sub(r"\s*\n\s*", "", svg[svg.index(">") + 1 : svg.rindex("</svg>")])
        box = re.search(r'viewBox="([^"]+)"', svg).group(1)  # type: ignore[union-attr]
        symbols.append(f'<symbol id="{name}" viewBox="{box}">{body}</symbol>')
    note = "<!-- Bootstrap Icons (c) 2019-2024 The Bootstrap Authors, MIT: licences/bootstrap-icons.txt -->"
    return "\n".join(['<svg xmlns="http://www.w3.org/2000/svg">', note, *symbols, "</svg>", ""]).encode()


def vendor() -> None:
    """Fetch, verify and write every file; then the two lists of what is there."""
    lists: dict[Path, list[dict[str, str]]] = {VENDOR: [], TEST_VENDOR: []}
    with tempfile.TemporaryDirectory() as temporary:
        for library in LIBRARIES:
            with tarfile.open(npm_pack(library, Path(temporary))) as archive:
                written = {
                    target: clean(archive.extractfile(f"package/{source}").read())  # type: ignore[union-attr]
                    for source, target in library.files.items()
                }
                if library.name == "bootstrap-icons":
                    written[SPRITE] = sprite(archive)
            for target, data in written.items():
                path = library.folder / target
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                lists[library.folder].append(
                    {
                        "name": library.name,
                        "version": library.version,
                        "licence": library.licence,
                        "file": target,
                        "sha256": hashlib.sha256(data).hexdigest(),
                    }
                )
            print(f"{library.name} {library.version}: {', '.join(written)}")
    for folder, rows in lists.items():
        (folder / "vendor.json").write_text(json.dumps(rows, indent=2) + "\n")


def problems() -> list[str]:
    """What differs between the vendored files and their lists; empty when all is well."""
    found = []
    for folder in (VENDOR, TEST_VENDOR):
        rows = json.loads((folder / "vendor.json").read_text())
        listed = {row["file"]: row for row in rows}
        there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {"vendor.json"}
        found += [f"{folder / name}: not in vendor.json" for name in sorted(there - set(listed))]
        for name, row in listed.items():
            path = folder / name
            if not path.is_file():
                found.append(f"{path}: missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
                found.append(f"{path}: changed since it was vendored")
        pinned = {(lib.name, lib.version) for lib in LIBRARIES if lib.folder == folder}
        for name, version in sorted({(row["name"], row["version"]) for row in rows} ^ pinned):
            found.append(f"{name} {version}: tools/vendor_assets.py and {folder / 'vendor.json'} disagree")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Vendor the front-end libraries, or check them.")
    parser.add_argument("--check", action="store_true", help="compare the files with vendor.json, offline")
    if not parser.parse_args().check:
        vendor()
    found = problems()
    print("\n".join(found) or "vendored files are as listed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
