"""Vectors on a Chroma server: the same nearest passages as on this machine; a server that goes and comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from corpus.errors import StoreError, StoreUnreachable
from index.nearest import BODY, HEADED, Exact
from index.passages import Passage
from index.server import ChromaServer, ServerVectors
from tests.chroma_server import ChromaRun
from tests.loopback import Site

ROWS, DIMENSION = 300, 16


def passages_at(rows: Sequence[int]) -> list[Passage]:
    return [
        Passage(
            f"id{row}", f"https://example.org/{row}", "part", "Page", ("Page", "Part"), 0, 8, f"text {row}", (), "deep"
        )
        for row in rows
    ]


@pytest.fixture(scope="module")
def layers() -> NDArray[np.float32]:
    vectors = np.random.default_rng(3).standard_normal((2, ROWS, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return vectors


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaRun]:
    with ChromaRun(tmp_path_factory.mktemp("chroma") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def server(chroma: ChromaRun, layers: NDArray[np.float32]) -> Iterator[ChromaServer]:
    server = ChromaServer(chroma.url)
    server.put("oka-shared", layers, passages_at, lambda done, total: None)
    yield server
    server.close()


def names(server: ChromaServer, *of: str) -> list[str]:
    return [name for name in of if server.find(name)]


def test_the_server_finds_what_exact_search_finds(server: ChromaServer, layers: NDArray[np.float32]) -> None:
    within = np.arange(40, 140)
    for question in layers[BODY, 7:20]:
        exact, remote = Exact(layers @ question), ServerVectors(server, "oka-shared").nearest(question[None])[0]
        for layer in (None, BODY, HEADED):
            assert remote.best(10, layer=layer).tolist() == exact.best(10, layer=layer).tolist()
            inside = remote.best(10, layer=layer, within=within)
            assert inside.tolist() == exact.best(10, layer=layer, within=within).tolist()
        rows = np.array([299, 0, 7])
        np.testing.assert_allclose(remote.of(rows), exact.of(rows), atol=1e-5)
    assert remote.of(np.zeros(0, np.int64)).shape == (2, 0)


def test_vectors_come_back_in_the_order_asked_for(server: ChromaServer, layers: NDArray[np.float32]) -> None:
    rows = ServerVectors(server, "oka-shared").rows([5, 250, 4])
    np.testing.assert_allclose(rows, layers[BODY][[5, 250, 4]], atol=1e-6)


def test_other_programs_find_words_and_places(
    chroma: ChromaRun, server: ChromaServer, layers: NDArray[np.float32]
) -> None:
    import chromadb
    from llama_index.core.vector_stores.types import VectorStoreQuery
    from llama_index.vector_stores.chroma import ChromaVectorStore

    host, _, port = chroma.url.removeprefix("http://").partition(":")
    client = chromadb.HttpClient(host, int(port), settings=chromadb.Settings(anonymized_telemetry=False))
    store = ChromaVectorStore(chroma_collection=client.get_collection("oka-shared-body", embedding_function=None))
    found = store.query(VectorStoreQuery(query_embedding=layers[BODY, 7].tolist(), similarity_top_k=1)).nodes
    assert found is not None
    assert found[0].get_content(metadata_mode="none") == "text 7"
    assert (found[0].metadata["url"], found[0].metadata["passage"]) == ("https://example.org/7", "id7")


def test_a_build_without_passages(server: ChromaServer) -> None:
    server.put("oka-empty", np.zeros((2, 0, DIMENSION), np.float32), passages_at, lambda done, total: None)
    nearest = ServerVectors(server, "oka-empty").nearest(np.ones((1, DIMENSION), np.float32))[0]
    assert nearest.best(5).tolist() == []


def test_what_is_there_is_not_written_again(server: ChromaServer, layers: NDArray[np.float32]) -> None:
    written: list[tuple[int, int]] = []
    server.put("oka-twice", layers, passages_at, lambda *step: written.append(step))
    assert written[-1] == (2 * ROWS, 2 * ROWS)
    again: list[tuple[int, int]] = []
    server.put("oka-twice", layers, passages_at, lambda *step: again.append(step))
    assert again == []


def test_a_build_that_broke_off_is_nowhere_to_be_found_and_is_done_anew(
    server: ChromaServer, layers: NDArray[np.float32]
) -> None:
    def killed(rows: Sequence[int]) -> list[Passage]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        server.put("oka-broken", layers, killed, lambda done, total: None)
    assert names(server, "oka-broken-body", "oka-broken-body-unfinished") == ["oka-broken-body-unfinished"]
    with pytest.raises(StoreError, match=r"doesn't have the vectors of this index.*`oka build`"):
        ServerVectors(server, "oka-broken").nearest(layers[0, 0:1])
    server.put("oka-broken", layers, passages_at, lambda done, total: None)
    assert ServerVectors(server, "oka-broken").nearest(layers[0, 9:10])[0].best(1).tolist() == [9]
    assert names(server, "oka-broken-body", "oka-broken-body-unfinished") == ["oka-broken-body"]


def test_killed_and_started_again(chroma: ChromaRun, server: ChromaServer, layers: NDArray[np.float32]) -> None:
    server.put("oka-build", layers, passages_at, lambda done, total: None)
    vectors = ServerVectors(server, "oka-build")
    expected = vectors.nearest(layers[0, 3:4])[0].best(5).tolist()
    (nearest,) = vectors.nearest(layers[0, 3:4])
    chroma.kill()
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match=r"can't be reached: start it .*OKA_CHROMA_URL"):
        vectors.nearest(layers[0, 3:4])
    assert time.monotonic() - began < 10
    with pytest.raises(StoreUnreachable):
        nearest.best(5)  # of a question that had begun before
    chroma.start()
    assert vectors.nearest(layers[0, 3:4])[0].best(5).tolist() == expected
    chroma.freeze()
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match="doesn't answer"):
        vectors.nearest(layers[0, 3:4])
    assert time.monotonic() - began < 10
    chroma.thaw()
    assert vectors.nearest(layers[0, 3:4])[0].best(5).tolist() == expected


def test_nothing_listens_there() -> None:
    with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1:9 can't be reached"):
        ChromaServer("http://user:secret@127.0.0.1:9").find("x")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(200, "<html>hello</html>", "no Chroma server"), (500, "out of room", "500: out of room"), (404, "", "no Chroma")],
)
def test_another_server_or_one_in_trouble(status: int, body: str, said: str) -> None:
    with Site() as site:
        site.answer = lambda path: lambda exchange: exchange.reply(status, body)  # type: ignore[method-assign]  # the server's answer is the test's
        with pytest.raises(StoreError, match=said):
            ChromaServer(site.url).find("x")
