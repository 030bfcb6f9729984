"""Where documents come from."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from trayflow.errors import SettingsError
from trayflow.sources.folder import Folder

__all__ = ["Folder", "open_source"]


def open_source(address: str) -> Folder:
    """The source at an address: a folder's path, or its `file://` URI. Raises `SettingsError` for anything else."""
    if address.startswith("file://"):
        return Folder(Path(url2pathname(urlsplit(address).path)))
    if "://" in address:
        raise SettingsError(f"A source is a folder; {address.split('://')[0]}:// addresses are not supported.")
    return Folder(Path(address).expanduser())
