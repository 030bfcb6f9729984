"""Where settings come from, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from trayflow.errors import SettingsError
from trayflow.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the machine, and no file of the checkout, reaches these tests."""
    monkeypatch.delenv("DOCUTRAY_API_KEY", raising=False)
    monkeypatch.delenv("DOCUTRAY_BASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    Path("settings.toml").write_text(text)
    return Path("settings.toml")


def test_nothing_needs_to_be_set() -> None:
    """The defaults stand by themselves, the ledger beside the work."""
    settings = load_settings()
    assert settings.ledger_url == f"sqlite:///{Path.cwd() / '.trayflow' / 'ledger.db'}"
    assert settings.api_key is None


def test_a_file_in_the_working_directory_is_found() -> None:
    """`trayflow.toml` needs no flag."""
    Path("trayflow.toml").write_text("[limits]\nwindow = 7\n")
    assert load_settings().limits.window == 7


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable overrides one value of a table and leaves its neighbours."""
    monkeypatch.setenv("TRAYFLOW_LIMITS__WINDOW", "9")
    limits = load_settings(written("[limits]\nwindow = 7\nattempts = 3\n")).limits
    assert (limits.window, limits.attempts) == (9, 3)


def test_a_flag_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed last wins; a flag that was not given changes nothing."""
    monkeypatch.setenv("TRAYFLOW_LEDGER", "sqlite:///environment.db")
    assert load_settings(ledger="sqlite:///flag.db").ledger == "sqlite:///flag.db"
    assert load_settings(ledger=None).ledger == "sqlite:///environment.db"


def test_the_services_own_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and address come under the names that the vendor's tools use; the key never shows."""
    monkeypatch.setenv("DOCUTRAY_API_KEY", "very-secret")
    monkeypatch.setenv("DOCUTRAY_BASE_URL", "http://127.0.0.1:1")
    settings = load_settings(written('[service]\nbase_url = "https://elsewhere"\napi_key_block = "tray"\n'))
    assert settings.service.base_url == "http://127.0.0.1:1"
    assert settings.service.api_key_block == "tray"
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "very-secret"
    assert "very-secret" not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[routing]\nminimum_confidenc = 1", "Did you mean `minimum_confidence`"),
        ("[rooting]\n", "Did you mean `routing`"),
        ('[routing.types.invoice]\nstp = "x"', "Did you mean `step`"),
        ("[limits]\nwindow = 0", "limits.window"),
        ("[routing]\nminimum_confidence = 1.5", "routing.minimum_confidence"),
        ('[routing]\non_other = "drop"', "routing.on_other"),
        ('[service]\nbase_url = "ftp://x"', "service.base_url"),
        ("[[[", "cannot be read"),
        ('api_key = "very-secret"', "DOCUTRAY_API_KEY"),
    ],
)
def test_a_wrong_file_is_refused(text: str, says: str) -> None:
    """A typing mistake is named with the nearest right name; a value out of range with its place; no secret shows."""
    with pytest.raises(SettingsError, match=says) as error:
        load_settings(written(text))
    assert "very-secret" not in str(error.value)


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("TRAYFLOW_LIMITS__WINDO", "Did you mean `window`"),
        ("TRAYFLOW_LEGDER", "Did you mean `ledger`"),
        ("TRAYFLOW_XYZZY", "Known here"),
    ],
)
def test_a_misspelt_variable_is_refused(variable: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that nothing reads would be ignored in silence; it stops the run instead."""
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SettingsError, match=says):
        load_settings()


def test_a_missing_file_is_said() -> None:
    """A settings file that was named must be there."""
    with pytest.raises(SettingsError, match=r"no settings file nowhere\.toml"):
        load_settings(Path("nowhere.toml"))


def test_every_setting_describes_itself() -> None:
    """A user finds out what a setting means from the setting itself."""
    sections = [field.annotation for field in Settings.model_fields.values()]
    fields = [f for section in sections if hasattr(section, "model_fields") for f in section.model_fields.values()]
    assert len(fields) > 15
    assert [field for field in fields if not field.description] == []
