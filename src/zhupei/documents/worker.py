"""A process that typesets one job and ends: reads JSON on standard input, writes the PDF on standard output.

It runs by path under ``python -I``, imports nothing of the project, and bounds itself in memory and processor time.
A process of its own is what makes the time limit real: a compile inside the server could not be stopped.
Answers: exit 0 and the PDF; exit 3 and JSON (``message``, ``hints``) when the compiler says no.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typst import PDFStandard


def main() -> int:
    """Typeset the job on standard input."""
    job: dict[str, Any] = json.load(sys.stdin.buffer)
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"]))
    import typst

    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=job["fonts"])
    inputs = {"data": job["data"], "pictures": job["pictures"]}
    source: bytes = job["source"].encode()
    failure: typst.TypstError | None = None
    # Archival and accessible first. A document that cannot meet them is still printed: people wait for the paper.
    strict: list[PDFStandard] = ["a-2a", "ua-1"]
    plain: list[PDFStandard] = []
    for standards in (strict, plain):
        try:
            pdf = typst.compile(
                source,
                font_paths=fonts,
                sys_inputs=inputs,
                format="pdf",
                pdf_standards=standards,
                timestamp=job["timestamp"],
            )
        except typst.TypstError as error:
            failure = error
            if "overflow:" in error.message:
                break
        else:
            sys.stdout.buffer.write(pdf)
            return 0
    assert failure is not None
    json.dump({"message": failure.message, "hints": list(failure.hints or [])}, sys.stdout)
    return 3


if __name__ == "__main__":
    sys.exit(main())
