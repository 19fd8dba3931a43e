"""The settings in force: flags over environment (`OKA_…`) over `oka.toml` in the working directory over defaults.

Values only: nothing is opened or created here. `corpus` and `index` never see this class; they take plain arguments.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from corpus.errors import SettingsError

CHECKOUT = Path(__file__).resolve().parents[1]
PREFIX = "OKA_"
FILE = Path("oka.toml")

_CONTACT = re.compile(r"https?://[!-'*-~]+|[\w.+-]+@[\w.-]+", re.ASCII)  # no brackets: they end a User-Agent's comment
_WANTED = {"bool_parsing": "1 or 0 is expected", "path_type": "a folder is expected"}
_HOST = re.compile(r"[\w.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)


class Settings(BaseModel):
    """What the user can change. Names are the environment's in lower case without the prefix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = CHECKOUT / "var"
    """Archive, index, models, feedback; oka writes nowhere else."""
    documents: Path = CHECKOUT / "corpus" / "documents"
    """Folder of Markdown documents; every *.md in it is indexed, its links are the resources."""
    embedder: str | None = None
    """Name or folder of a sentence-transformers model; None: the MiniLM model that is installed with oka."""
    offline: bool = False
    """Never touch the network."""
    allow_private_hosts: tuple[str, ...] = ()
    """`host:port` that may be fetched although private."""
    contact: str | None = None
    """An https:// or mail address by which a site's operator reaches you; sent with every request of `oka fetch`."""
    llm_base_url: str | None = None
    """An OpenAI-compatible server; None: answers are composed from quotes and no model is called."""
    llm_model: str | None = None
    llm_api_key: SecretStr | None = None
    llm_timeout: float = Field(default=60.0, gt=0, le=600)
    """Seconds that the model may take for a whole reply before the composed answer is given instead."""
    reranker: str | None = None
    """Name or folder of a sentence-transformers cross-encoder."""
    chroma_url: str | None = None
    """A Chroma server instead of the embedded store."""
    unsupported: float = Field(default=0.05, ge=0.0, le=0.5)
    """Of the answers given, the largest share that may lack support in the sources (0.05: 5 %), as estimated on our own
    questions; less means more questions that are declined."""

    @field_validator("data_dir", "documents")
    @classmethod
    def _at_home(cls, value: Path) -> Path:
        if "\0" in str(value):
            raise ValueError("a folder is expected")
        return Path(os.path.expanduser(value))  # no shell does it for what stands in a file

    @field_validator("data_dir")
    @classmethod
    def _can_be_folder(cls, value: Path) -> Path:
        for place in (value, *value.parents):
            if os.path.exists(place) and not os.path.isdir(place):
                raise ValueError(f"a folder is expected, and {place} is a file")
        return value

    @field_validator("allow_private_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        hosts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        for host in hosts if isinstance(hosts, list | tuple) else ():
            name, _, port = str(host).rpartition(":")
            if not _HOST.fullmatch(name) or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
                raise ValueError(f"{host!r} is not host:port")
        return hosts

    @field_validator("contact")
    @classmethod
    def _is_contact(cls, value: str | None) -> str | None:
        if value is not None and not _CONTACT.fullmatch(value):
            raise ValueError("an https:// address or a mail address is expected")
        return value

    @field_validator("llm_base_url", "chroma_url")
    @classmethod
    def _has_web_address(cls, value: str | None) -> str | None:
        if value is not None and not _is_web_address(value):
            raise ValueError("an http:// or https:// address is expected")
        return value

    @property
    def archive(self) -> Path:
        """The WARC file of fetched pages."""
        return self.data_dir / "pages.warc.gz"

    @property
    def index(self) -> Path:
        """The folder of the index."""
        return self.data_dir / "index"

    @property
    def models(self) -> Path:
        """The folder where converted models are kept."""
        return self.data_dir / "models"


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not re.search(r"\s", value)
        )
    except ValueError:  # a port that is none, half an IPv6 address
        return False


def masked(value: object) -> object:
    """A setting as it may be shown: of an address the user's name, password and query are left out."""
    if not isinstance(value, str) or not _is_web_address(value):
        return value
    parts = urlsplit(value)
    who = "***@" if "@" in parts.netloc else ""
    query = "***" if parts.query else ""
    return urlunsplit((parts.scheme, who + parts.netloc.rpartition("@")[2], parts.path, query, ""))


def load_settings(environment: Mapping[str, str] | None = None, file: Path = FILE, **flags: Any) -> Settings:
    """Reads `file` (if it exists) and the environment; `flags` that are None are taken as not given.

    Raises SettingsError naming the setting, where it stands and the accepted values.
    """
    environment = os.environ if environment is None else environment
    origins: dict[str, str] = {}
    values: dict[str, Any] = {}

    def take(name: str, value: Any, origin: str) -> None:
        if name not in Settings.model_fields:
            known = ", ".join(sorted(Settings.model_fields))
            raise SettingsError(f"{origin} sets {name!r}, which oka doesn't know; the settings are: {known}.")
        if value != "":  # sets nothing: `OKA_DATA_DIR= oka build`
            values[name], origins[name] = value, origin

    if file.is_file():
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{file} can't be read as TOML ({error}); mend or remove it.") from error
        for name, value in table.items():
            take(name, value, str(file))
    for key, value in environment.items():
        if key.startswith(PREFIX):
            take(key.removeprefix(PREFIX).lower(), value, f"the environment ({key})")
    for name, value in flags.items():
        if value is not None:
            take(name, value, f"--{name.replace('_', '-')}")
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        shown = "the given key" if name == "llm_api_key" else repr(first["input"])
        wanted = _WANTED.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise SettingsError(f"{origins.get(name, 'a setting')} sets {name} to {shown}: {wanted}.") from error
