"""Static files with a digest in their name, compressed once; the plain name where nothing was collected (tests)."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class Manifest(CompressedManifestStaticFilesStorage):
    manifest_strict = False
