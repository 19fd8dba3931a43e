"""What tests share: indexes with the bundled model, and the offline snapshot where it is present."""

import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.settings import load_settings
from assistant.sources import Sources
from corpus.importing import import_warc
from corpus.snapshot import Archive
from tests.fetching import Fetching
from tests.loopback import Site

pytest_plugins = ["tests.browser_chat"]
ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT.parent / "shared" / "linked-pages"
Once = Callable[[str, Callable[[Path], object]], Path]

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell starts what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else no command that we start could be interrupted

for name in [name for name in os.environ if name.startswith("OKA_")]:
    del os.environ[name]  # a developer's own settings are none of the tests' business


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server on loopback; its answers are the test's to give."""
    with Site() as running:
        yield running


@pytest.fixture
def fetching(site: Site, tmp_path: Path) -> Fetching:
    """The site, an empty archive, and `fetch` between them."""
    return Fetching(site, Archive(tmp_path / "pages.warc.gz"))


@pytest.fixture(scope="session")
def snapshot() -> Path:
    """The folder of the offline snapshot of the linked pages."""
    if not (SNAPSHOT / "linked-pages.warc.gz").exists():
        pytest.skip("the offline snapshot ../shared/linked-pages is not here")
    return SNAPSHOT


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a folder once for all processes of a run: the first that asks for its name fills it, the others wait."""
    mine = tmp_path_factory.getbasetemp()
    ours = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine

    def made(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = ours / name, ours / f"{name}.done"
        with (ours / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a process began that was killed
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def small_index(once: Once) -> Path:
    """A finished index of pages made in `tests.indexes`; tests must not change it."""
    from tests.indexes import build, make_pages

    return once("small", lambda folder: build(folder / "index", make_pages())) / "index"


@pytest.fixture
def folder(small_index: Path, tmp_path: Path) -> Path:
    """A copy of the small index; copies keep their times."""
    shutil.copytree(small_index, tmp_path / "index")
    return tmp_path / "index"


@pytest.fixture(scope="session")
def models(once: Once) -> Path:
    """The bundled model in the form that runs fast."""
    from index.minilm import MiniLM

    return once("models", lambda folder: MiniLM(folder).encode(["a first text"]))


@pytest.fixture(scope="session")
def kb_data(once: Once, models: Path) -> Path:
    """A data folder with an index of the documents alone; tests must not change it."""
    return once("kb", lambda folder: built(folder, models))


@pytest.fixture(scope="session")
def linked_data(once: Once, models: Path, snapshot: Path) -> Path:
    """A data folder with an index of the documents and the linked pages; tests must not change it."""

    def fill(folder: Path) -> None:
        import_warc(Archive(folder / "pages.warc.gz"), snapshot / "linked-pages.warc.gz")
        built(folder, models)

    return once("linked", fill)


@pytest.fixture(scope="session")
def kb(kb_data: Path) -> Assistant:
    """Answers from the documents alone."""
    return Assistant(load_settings({}, data_dir=kb_data))


@pytest.fixture(scope="session")
def linked(linked_data: Path) -> Assistant:
    """Answers from the documents and the linked pages."""
    return Assistant(load_settings({}, data_dir=linked_data))


def built(folder: Path, models: Path) -> Path:
    """Builds the index of a data folder with the models that are there already."""
    if not (folder / "models").exists():
        (folder / "models").symlink_to(models)
    Sources(load_settings({}, data_dir=folder)).build()
    return folder
