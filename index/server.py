"""The passages' vectors on a Chroma server, so that many readers can search them and none needs them on its disk.

A build is two collections, oka-<fingerprint>-body and -headed, a passage's row being its id. They are filled under
another name and then renamed, so a reader finds all of a build or nothing. Spoken to over Chroma's HTTP API (v2), with
a limit to every wait: Chroma's own client has none. Its search is approximate (HNSW): `index.nearest` is the interface
that it shares with exact search.
"""

from __future__ import annotations

import base64
import json
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray

from corpus.errors import StoreError, StoreUnreachable
from index.lexical import top
from index.manifest import Manifest
from index.passages import Passage
from index.texts import Texts
from index.vectors import VECTORS, node_metadata

LAYERS = ("body", "headed")
_API = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_CONNECT, _READ, _WRITE = 2.0, 4.0, 60.0  # seconds; a question fails 6 s after the server stops answering, at most
_BATCH = 1000  # rows of a request that writes; the server's own limit is 5,461
_ASKED = 5000  # rows whose cosines are asked for at once
_BREADTH = 200  # ef_search: candidates that HNSW keeps while it looks
_HISTORY = "chroma-server.json"


class ChromaServer:
    """One server. May be used by several threads; holds no state but open connections, which `close` gives back."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        parts = urlsplit(self._url)
        self.where = parts.netloc.rpartition("@")[2]  # without a password
        self._client = httpx.Client(trust_env=False)
        self.close = weakref.finalize(self, self._client.close)  # also where nobody calls it: an index is just let go
        self._pool = ThreadPoolExecutor(len(LAYERS), thread_name_prefix="chroma")

    def holds(self, name: str, rows: int) -> bool:
        """Whether all of a build's vectors are there."""
        return all(self._is_whole(f"{name}-{layer}", rows) for layer in LAYERS)

    def put(
        self,
        name: str,
        layers: NDArray[np.float32],
        passages_at: Callable[[Sequence[int]], list[Passage]],
        progress: Callable[[int, int], None],
    ) -> None:
        """Write a build's vectors, of shape (layers, rows, dimension), and the passages' words and places beside them.

        What is there already stays. Raises StoreError, StoreUnreachable.
        """
        rows = layers.shape[1]
        for number, (layer, vectors) in enumerate(zip(LAYERS, layers, strict=True)):
            if not self._is_whole(f"{name}-{layer}", rows):
                for done in self._fill(f"{name}-{layer}", vectors, passages_at):
                    progress(number * rows + done, len(LAYERS) * rows)

    def forget(self, name: str) -> None:
        """Remove a build's vectors, if they are there."""
        for layer in LAYERS:
            for collection in (f"{name}-{layer}", f"{name}-{layer}-unfinished"):
                if self.find(collection):
                    self._call("DELETE", f"/{collection}")

    def find(self, collection: str) -> str:
        """A collection's id by its name, "" where there is none."""
        found = self._call("GET", f"/{collection}", missing={"id": ""})
        return str(found["id"])

    def query(self, collection: str, vector: NDArray[np.float32], **how: Any) -> tuple[list[int], list[float]]:
        """Rows and their cosines, best first. Raises StoreError where the collection isn't there (any more)."""
        body = {"query_embeddings": [vector.tolist()], "include": ["distances"], **how}
        found = self._call("POST", f"/{collection}/query", body)
        return [int(row) for row in found["ids"][0]], [1.0 - distance for distance in found["distances"][0]]

    def embeddings(self, collection: str, rows: Sequence[int]) -> NDArray[np.float32]:
        """The vectors of some rows, in the order asked for."""
        body = {"ids": [str(row) for row in rows], "include": ["embeddings"]}
        found = self._call("POST", f"/{collection}/get", body)
        by_row = dict(zip(map(int, found["ids"]), found["embeddings"], strict=True))
        return np.array([by_row[row] for row in rows], np.float32)

    def of_all_layers(self, work: Callable[[int], Any]) -> list[Any]:
        """`work` for each layer's number, at the same time."""
        return list(self._pool.map(work, range(len(LAYERS))))

    def lacks(self, what: str) -> StoreError:
        """What to say where the server doesn't have what it should."""
        return StoreError(
            f"The Chroma server at {self.where} doesn't have {what}: run `oka build`, or copy the index anew from the "
            "machine that builds it."
        )

    def _is_whole(self, collection: str, rows: int) -> bool:
        found = self.find(collection)
        return bool(found) and int(self._call("GET", f"/{found}/count")) == rows

    def _fill(
        self,
        collection: str,
        vectors: NDArray[np.float32],
        passages_at: Callable[[Sequence[int]], list[Passage]],
    ) -> Iterator[int]:
        """Yields how many rows are written so far."""
        unfinished = f"{collection}-unfinished"
        for leftover in (collection, unfinished):
            if self.find(leftover):
                self._call("DELETE", f"/{leftover}", seconds=_WRITE)
        space = {"hnsw": {"space": "cosine", "ef_search": _BREADTH}}
        made = self._call("POST", "", {"name": unfinished, "configuration": space}, seconds=_WRITE)
        for first in range(0, len(vectors), _BATCH):
            rows = range(first, min(first + _BATCH, len(vectors)))
            passages = passages_at(rows)
            batch = {
                "ids": [str(row) for row in rows],
                "embeddings": [base64.b64encode(vectors[row].astype("<f4").tobytes()).decode() for row in rows],
                "documents": [passage.text for passage in passages],
                "metadatas": [{"passage": passage.id, **node_metadata(passage)} for passage in passages],
            }
            self._call("POST", f"/{made['id']}/add", batch, seconds=_WRITE)
            yield rows[-1] + 1
        self._call("PUT", f"/{made['id']}", {"new_name": collection}, seconds=_WRITE)

    def _call(self, method: str, path: str, body: Any = None, *, seconds: float = _READ, missing: Any = None) -> Any:
        """What the server answers; `missing`, if given, where it doesn't have what is asked for."""
        response = self._request(method, path, body, httpx.Timeout(seconds, connect=_CONNECT))
        absent = response.status_code == 404 and "NotFoundError" in response.text
        if absent and missing is not None:
            return missing
        if absent:
            raise self.lacks("the vectors of this index")
        if not response.is_success and response.status_code != 404:
            raise StoreError(
                f"The Chroma server at {self.where} refused {method} ({response.status_code}: {response.text[:200]}): "
                "see its log, then run `oka build`."
            )
        try:
            return response.json()
        except ValueError as error:
            raise StoreError(
                f"What answers at {self.where} is no Chroma server with the API v2: check OKA_CHROMA_URL."
            ) from error

    def _request(self, method: str, path: str, body: Any, timeout: httpx.Timeout) -> httpx.Response:
        advice = "start it (`chroma run`), or mend OKA_CHROMA_URL; oka goes on when it is back"
        for may_be_stale in (True, False):
            try:
                return self._client.request(method, f"{self._url}{_API}{path}", json=body, timeout=timeout)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                # A connection kept from before, that a server which was started again knows nothing of: once more.
                if not may_be_stale:
                    raise StoreUnreachable(f"The Chroma server at {self.where} broke off: {advice}.") from error
            except httpx.TimeoutException as error:
                raise StoreUnreachable(f"The Chroma server at {self.where} doesn't answer: {advice}.") from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise StoreUnreachable(f"The Chroma server at {self.where} can't be reached: {advice}.") from error
        raise AssertionError("the second time either returns or raises")


class ServerVectors:
    """One build's vectors on a server. Collections are looked up at each question, so a server may come and go."""

    def __init__(self, server: ChromaServer, name: str) -> None:
        self.server, self.name = server, name

    def nearest(self, vectors: NDArray[np.float32]) -> list[ServerNearest]:
        """See `Searched`; cosines are asked for as they are needed."""
        return [ServerNearest(self, vector) for vector in vectors]

    def rows(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """The body's vectors of some rows."""
        return self.server.embeddings(self.collection(0), rows)

    def collection(self, layer: int) -> str:
        """The id of a layer's collection. Raises StoreError where the server doesn't have it."""
        found = self.server.find(f"{self.name}-{LAYERS[layer]}")
        if not found:
            raise self.server.lacks("the vectors of this index")
        return found


class ServerNearest:
    """`index.nearest.Nearest` by a server: the best of all rows approximately, the cosines of given rows exactly."""

    def __init__(self, vectors: ServerVectors, vector: NDArray[np.float32]) -> None:
        self._server, self._vector = vectors.server, vector
        self._collections: list[str] = self._server.of_all_layers(vectors.collection)
        self._known: list[dict[int, float]] = [{} for _ in LAYERS]

    def best(
        self, count: int, *, layer: int | None = None, within: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """See `Nearest`."""
        if within is None:
            layers = range(len(LAYERS)) if layer is None else [layer]
            found = [self._search(one, count) for one in layers]
            within = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
        cosines = self.of(within)
        return within[top(cosines.max(axis=0) if layer is None else cosines[layer], count)[0]]

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Nearest`."""
        wanted = rows.tolist()

        def ask(layer: int) -> list[float]:
            known = self._known[layer]
            missing = [row for row in wanted if row not in known]
            for first in range(0, len(missing), _ASKED):
                part = missing[first : first + _ASKED]
                how = {"ids": [str(row) for row in part], "n_results": len(part)}
                known.update(zip(*self._server.query(self._collections[layer], self._vector, **how), strict=True))
            if any(row not in known for row in missing):
                raise self._server.lacks("some passages of this index")
            return [known[row] for row in wanted]

        found = self._server.of_all_layers(ask)
        return np.array(found, np.float32).reshape(len(LAYERS), len(wanted))

    def _search(self, layer: int, count: int) -> NDArray[np.int64]:
        rows, cosines = self._server.query(self._collections[layer], self._vector, n_results=count)
        self._known[layer].update(zip(rows, cosines, strict=True))
        return np.array(rows, np.int64)


def collection_name(fingerprint: str) -> str:
    """What the collections of a build are called, without their layer."""
    return f"oka-{fingerprint[:32]}"


def hand_over(
    url: str, build: Path, manifest: Manifest, answering: str | None, progress: Callable[[int, int], None]
) -> None:
    """Bring a build's vectors to the server before it answers, and remove what this folder's older builds left there.

    `answering` is the fingerprint of the build that answers until then: its vectors stay, as there may be readers
    that have it still. Raises StoreError, StoreUnreachable; the server then has the old build whole.
    """
    server = ChromaServer(url)
    history = build.parent / _HISTORY
    known: dict[str, list[str]] = json.loads(history.read_text("utf-8")) if history.exists() else {}
    before = known.get(server.where, [])
    kept = list(dict.fromkeys([*(one for one in before if one == answering), manifest.fingerprint]))
    try:
        # Written before the server is: a build that is killed here leaves nothing that the next wouldn't know of.
        known[server.where] = list(dict.fromkeys([*before, *kept]))
        history.write_text(json.dumps(known), "utf-8")
        if not server.holds(collection_name(manifest.fingerprint), manifest.passages):
            with closing(Texts(build / "texts.sqlite")) as texts:
                layers = np.load(build / VECTORS, mmap_mode="r")
                server.put(collection_name(manifest.fingerprint), layers, texts.passages, progress)
        for one in before:
            if one not in kept:
                server.forget(collection_name(one))
        known[server.where] = kept
        history.write_text(json.dumps(known), "utf-8")
    finally:
        server.close()
