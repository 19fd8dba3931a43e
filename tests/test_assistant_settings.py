"""Settings: flags over environment over file over defaults, and errors that name the setting."""

from pathlib import Path

import pytest

from assistant.settings import CHECKOUT, load_settings, masked
from corpus.errors import SettingsError

NO_FILE = Path("no-such-file.toml")


def test_defaults_stay_in_the_checkout_and_call_no_model() -> None:
    settings = load_settings({}, NO_FILE)
    assert settings.data_dir == CHECKOUT / "var"
    assert settings.documents == CHECKOUT / "corpus" / "documents"
    assert settings.llm_base_url is None
    assert not settings.offline


def test_flags_win_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "oka.toml"
    file.write_text('data_dir = "from-file"\nembedder = "from-file"\nreranker = "from-file"\n')
    settings = load_settings(
        {"OKA_DATA_DIR": "from-env", "OKA_EMBEDDER": "from-env", "PATH": "x"}, file, data_dir="from-flag"
    )
    assert (str(settings.data_dir), settings.embedder, settings.reranker) == ("from-flag", "from-env", "from-file")


def test_an_empty_setting_is_as_good_as_unset(tmp_path: Path) -> None:
    assert load_settings({"OKA_EMBEDDER": "", "OKA_LLM_API_KEY": ""}, NO_FILE).embedder is None
    assert load_settings({"OKA_DATA_DIR": "", "OKA_OFFLINE": ""}, NO_FILE) == load_settings({}, NO_FILE)
    file = tmp_path / "oka.toml"
    file.write_text('data_dir = ""\n')
    assert load_settings({}, file) == load_settings({}, NO_FILE)


def test_a_folder_may_be_given_from_home_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load_settings({"OKA_DATA_DIR": "~/oka", "OKA_DOCUMENTS": "~/wiki"}, NO_FILE)
    assert (settings.data_dir, settings.documents) == (tmp_path / "oka", tmp_path / "wiki")


def test_private_hosts_are_split() -> None:
    hosts = load_settings({"OKA_ALLOW_PRIVATE_HOSTS": "wiki.local:8080, 127.0.0.1:9000"}, NO_FILE).allow_private_hosts
    assert hosts == ("wiki.local:8080", "127.0.0.1:9000")


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"OKA_COLOUR": "red"}, "colour"),
        ({"OKA_OFFLINE": "perhaps"}, "offline"),
        ({"OKA_UNSUPPORTED": "7"}, "unsupported"),
        ({"OKA_LLM_TIMEOUT": "-1"}, "llm_timeout"),
        ({"OKA_DATA_DIR": "a\0b"}, "a folder is expected"),
        ({"OKA_ALLOW_PRIVATE_HOSTS": "wiki"}, "host:port"),
        ({"OKA_ALLOW_PRIVATE_HOSTS": "wiki:²"}, "host:port"),
        ({"OKA_ALLOW_PRIVATE_HOSTS": "http://wiki:80"}, "host:port"),
        ({"OKA_CHROMA_URL": "localhost:8000"}, "http://"),
        ({"OKA_CHROMA_URL": "http://["}, "http://"),
        ({"OKA_CHROMA_URL": "http://"}, "http://"),
        ({"OKA_LLM_BASE_URL": "http://host:99999"}, "http://"),
        ({"OKA_LLM_BASE_URL": "http://a b"}, "http://"),
    ],
)
def test_a_wrong_setting_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings(environment, NO_FILE)


def test_an_unknown_key_in_the_file_is_named_with_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "oka.toml"
    file.write_text("colour = 'red'\n")
    with pytest.raises(SettingsError, match=r"oka\.toml sets 'colour'.*data_dir"):
        load_settings({}, file)


def test_a_broken_file_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "oka.toml"
    file.write_text("data_dir = \n")
    with pytest.raises(SettingsError, match="can't be read as TOML"):
        load_settings({}, file)


def test_the_key_is_never_shown() -> None:
    settings = load_settings({"OKA_LLM_API_KEY": "very-secret"}, NO_FILE)
    assert "very-secret" not in repr(settings) + str(settings)
    assert masked("http://me:very-secret@host:1/v1?key=very-secret") == "http://***@host:1/v1?***"
    assert (masked("http://host:1/v1"), masked("a model"), masked(0.05)) == ("http://host:1/v1", "a model", 0.05)
