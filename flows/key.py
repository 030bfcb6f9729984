"""The service's key, from the two places where it may be."""

from __future__ import annotations

from prefect.blocks.system import Secret
from pydantic import SecretStr

from trayflow.errors import SettingsError
from trayflow.settings import Settings


async def with_key(settings: Settings) -> Settings:
    """The settings with the key in them: from `DOCUTRAY_API_KEY`, else from the Prefect Secret block they name.

    Raises `SettingsError` when the block does not exist or holds no text.
    """
    block = settings.service.api_key_block
    if settings.api_key is not None or block is None:
        return settings
    try:
        secret: Secret[str] = await Secret.aload(block)
    except ValueError:
        raise SettingsError(
            f"There is no Prefect Secret block {block}: make one, or set DOCUTRAY_API_KEY instead."
        ) from None
    key = secret.get()
    if not isinstance(key, str) or not key:
        raise SettingsError(f"The Prefect Secret block {block} does not hold a key.")
    return settings.model_copy(update={"api_key": SecretStr(key)})
