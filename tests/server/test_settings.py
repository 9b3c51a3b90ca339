"""Settings: environment above file above default, and no silent mistakes."""

from pathlib import Path

import pytest

from server import settings
from server.settings import SettingsError, load


def test_the_defaults_of_decision_1(tmp_path: Path) -> None:
    chosen = load({}, tmp_path)
    assert (chosen.server.bind, chosen.server.port, chosen.base_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert chosen.accounts.sign_up == "approval" and chosen.accounts.quota_megabytes == 5000
    assert chosen.database_url == f"sqlite:///{tmp_path / 'cartellino.db'}"


def test_the_environment_stands_above_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[server]\nport = 9000\nname = "Atelier"\n')
    chosen = load({"CARTELLINO_SERVER_PORT": "9001"}, tmp_path)
    assert (chosen.server.port, chosen.server.name) == (9001, "Atelier")


def test_the_short_forms(tmp_path: Path) -> None:
    chosen = load({"PORT": "8123", "CARTELLINO_DATA_DIR": str(tmp_path), "CARTELLINO_BASE_URL": "https://Art.Example/"})
    assert (chosen.server.port, chosen.data_dir, chosen.base_url) == (8123, tmp_path, "https://art.example")
    assert chosen.is_https and chosen.handle_domain == "art.example"


@pytest.mark.parametrize(
    ("text", "near"),
    [("[server]\nprot = 1\n", "server.port"), ("[databse]\nurl = ''\n", "database.url"), ("port = 1\n", "server.port")],
)
def test_an_unknown_name_in_the_file_names_the_nearest_known_one(tmp_path: Path, text: str, near: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(SettingsError, match=f"Did you mean .*{near.split('.')[1]}"):
        load({}, tmp_path)


def test_an_unknown_name_in_the_environment_names_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean CARTELLINO_ACCOUNTS_SIGN_UP"):
        load({"CARTELLINO_ACCOUNT_SIGNUP": "open"}, tmp_path)


@pytest.mark.parametrize(
    "environ",
    [
        {"CARTELLINO_SERVER_PORT": "many"},
        {"CARTELLINO_BASE_URL": "art.example"},
        {"CARTELLINO_BASE_URL": "https://art.example/path"},
        {"CARTELLINO_ACCOUNTS_SIGN_UP": "invite"},
        {"CARTELLINO_UPLOADS_MAX_MEGABYTES": "201"},
    ],
)
def test_an_impossible_value_is_said_with_its_name(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^Setting (server|accounts|uploads)\."):
        load(environ, tmp_path)


def test_a_secret_does_not_lie_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[smtp]\npassword = "x"\n')
    with pytest.raises(SettingsError, match="CARTELLINO_SMTP_PASSWORD_FILE"):
        load({}, tmp_path)


def test_a_secret_may_come_from_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    assert load({"CARTELLINO_SMTP_PASSWORD_FILE": str(tmp_path / "password")}, tmp_path).smtp.password == "hush"


def test_a_file_that_is_no_toml_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("server = [")
    with pytest.raises(SettingsError, match=r"config\.toml cannot be read"):
        load({}, tmp_path)


def test_the_documented_file_is_a_file_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(settings.as_toml())
    assert load({}, tmp_path) == load({}, tmp_path / "nowhere").model_copy(update={"data_dir": tmp_path})
