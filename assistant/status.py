"""What is in corpus and index, which models are in use, and where the files are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assistant.sources import STALE, Sources
from corpus.addresses import address
from corpus.errors import StoreError
from corpus.links import LinkState
from index.manifest import check_files, current_build
from index.texts import Texts
from index.vectors import VECTORS


def read_status(sources: Sources) -> dict[str, Any]:
    """Plain values, for people and programs; reads documents, archive and the index's manifest, and loads no model."""
    settings = sources.settings
    documents = sources.documents()
    links = sources.links()
    found: dict[str, Any] = {
        "documents": len(documents),
        "links": len(links),
        "pages": sum(link.has_text for link in links),
        "missing": [
            {"url": link.url, "state": link.state, "detail": link.detail} for link in links if not link.has_text
        ],
        "failures": _failures(sources, links),
        "archive": str(settings.archive),
        "index": str(settings.index),
        "offline": settings.offline,
        "llm": settings.llm_model if settings.llm_base_url else None,
        "reranker": settings.reranker,
        "embedder": settings.embedder or "all-MiniLM-L6-v2",
        "indexed_pages": {},
        "passages": 0,
        "indexed_at": "",
        "fingerprint": "",
        "problem": "",
        "flagged": [],
    }
    try:
        build, manifest = current_build(settings.index)
        check_files(build, manifest, leave_out=VECTORS if settings.chroma_url else "")
    except StoreError as error:
        found["problem"] = str(error)
        return found
    found.update(
        indexed_pages=manifest.pages,
        passages=manifest.passages,
        indexed_at=manifest.built_at,
        fingerprint=manifest.fingerprint,
        flagged=_flagged(build),
    )
    if sources.is_stale(manifest):
        found["problem"] = STALE
    if damage := sources.damage():
        found["problem"] = f"{damage} {found['problem']}".strip()
    return found


def _flagged(build: Path) -> list[dict[str, Any]]:
    """The pages of the index of which a reader should know something."""
    texts = Texts(build / "texts.sqlite")
    pages = [(url, texts.page(url).flags) for url in texts.urls("linked", "deep")]
    texts.close()
    return [{"url": url, "flags": list(flags)} for url, flags in pages if flags]


def _failures(sources: Sources, links: list[LinkState]) -> list[dict[str, str]]:
    """What failed when it was last fetched, but for what stands behind a link that is listed as missing anyway."""
    said = {address(place) for link in links if not link.has_text for place in (link.url, link.final_url)}
    return [
        {"url": failure.url, "reason": failure.reason or f"HTTP status {failure.status}", "at": failure.fetched_at}
        for failure in sources.archive.failures()
        if failure.url not in said
    ]


def describe(status: dict[str, Any]) -> str:
    """For people."""
    lines = [coverage(status)]
    if status["problem"]:
        lines.append(status["problem"])
    if status["passages"]:
        pages = ", ".join(f"{count:,} {source}" for source, count in status["indexed_pages"].items())
        lines.append(f"index: {status['passages']:,} passages of {pages} pages, built {status['indexed_at']}")
        lines.append(f"fingerprint: {status['fingerprint'][:16]}")
    lines.append(f"embedder: {status['embedder']}")
    lines.append(f"language model: {status['llm'] or 'none; answers are composed from quotes'}")
    if status["reranker"]:
        lines.append(f"reranker: {status['reranker']}")
    lines.append(f"archive: {status['archive']}\nindex: {status['index']}")
    if status["flagged"]:
        lines.append("pages that hold something else than words for their readers, which is never quoted:")
        lines += [f"  {page['url']}  {', '.join(page['flags'])}" for page in status["flagged"]]
    if status["missing"]:
        lines.append("links without a page:")
        lines += [f"  {link['state']:<14} {link['url']}  {link['detail']}".rstrip() for link in status["missing"]]
    if status["failures"]:
        lines.append("failed when last fetched:")
        lines += [f"  {failure['at'][:10]}  {failure['url']}  {failure['reason']}" for failure in status["failures"]]
    return "\n".join(lines)


def coverage(status: dict[str, Any]) -> str:
    """What answers come from, in one sentence."""
    one = "the knowledge base" if status["documents"] == 1 else f"{status['documents']} documents"
    deep = status["indexed_pages"].get("deep", 0)
    more = f" and {deep:,} further pages of the same sites" if deep else ""
    return f"Answers come from {one} and {status['pages']} of {status['links']} linked pages{more}."
