"""What the file system tells of a folder: first bytes and every write, and now and then nothing."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator

from watchfiles import Change, awatch
from watchfiles.main import FileChange

from trayflow.sources import Folder

log = logging.getLogger(__name__)


async def changes(folder: Folder) -> AsyncIterator[set[str]]:
    """The keys of files that were made or changed, a moment's at a time, until cancelled.

    What is made inside of a folder that is itself new may be missed, and nothing comes where the file system cannot be
    watched: a look at everything, on a timer, is needed beside this.
    """
    try:
        async for changed in awatch(folder.root, watch_filter=None, ignore_permission_denied=True):
            if keys := await asyncio.to_thread(_keys, folder, changed):
                yield keys
    except (OSError, RuntimeError) as error:
        log.warning("The file system does not tell what changes in %s: %s", folder.root, error)


def _keys(folder: Folder, changed: set[FileChange]) -> set[str]:
    keys: set[str] = set()
    for change, path in changed:
        if change is Change.added and os.path.isdir(path):
            keys.update(folder.below(path))  # it may have come with files in it
        elif change is not Change.deleted and (key := folder.key(path)):
            keys.add(key)
    return keys
