"""Where rows go."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from trayflow.destinations.csv import CsvFolder
from trayflow.errors import SettingsError
from trayflow.ledger import Ledger

__all__ = ["CsvFolder", "destination_at", "open_destination"]


def destination_at(address: str, ledger: Ledger) -> CsvFolder:
    """The destination at an address: a folder's path, or its `file://` URI. Nothing is looked at or made there yet.

    Raises `SettingsError` for any other kind of address.
    """
    if address.startswith("file://"):
        return CsvFolder(Path(url2pathname(urlsplit(address).path)), ledger)
    if "://" in address or not address:
        raise SettingsError("A destination is a folder for CSV files: give its path.")
    return CsvFolder(Path(address), ledger)


def open_destination(address: str, ledger: Ledger) -> CsvFolder:
    """The destination at an address, ready to be appended to.

    Raises `SettingsError` for an address that is none, `DestinationError` where nothing can be written.
    """
    destination = destination_at(address, ledger)
    destination.open()
    return destination
