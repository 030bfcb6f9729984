"""Where documents come from."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from trayflow.errors import SettingsError
from trayflow.settings import Limits, SourceSettings
from trayflow.sources.folder import Folder
from trayflow.sources.patterns import Patterns
from trayflow.sources.source import Source

__all__ = ["Folder", "Source", "open_source"]


def open_source(address: str, settings: SourceSettings, limits: Limits | None = None) -> Source:
    """The source at an address: a folder's path or its `file://` URI, or `s3://bucket/folder`.

    Raises `SettingsError` for anything else, and for what the user has to put right; `SourceError` for a bucket that
    cannot be listed now.
    """
    if address.startswith("s3://"):
        from trayflow.sources.s3 import S3  # AWS's library takes long to import: only who has a bucket waits for it

        return S3(address, settings, limits or Limits())
    if "://" in address and not address.startswith("file://"):
        kind = address.split("://")[0]
        raise SettingsError(f"A source is a folder or s3://bucket/folder; {kind}:// addresses are not supported.")
    path = url2pathname(urlsplit(address).path) if address.startswith("file://") else address
    if settings.submit == "url":
        raise SettingsError('A folder\'s files have no address: source.submit = "url" is for buckets.')
    patterns = Patterns(settings.include, settings.exclude)
    return Folder(Path(path).expanduser(), patterns, settings.settle)
