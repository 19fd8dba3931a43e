"""The documents folder: every `*.md` file directly in it, as pages; and the resources that they link to.

Subfolders and other kinds of files are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from corpus.errors import DocumentError
from corpus.markdown import document_from_markdown
from corpus.pages import Page, Resource

_WHERE = "OKA_DOCUMENTS names the folder"


def read_documents(folder: Path) -> list[Page]:
    """Read the documents in order of their file names.

    Raises DocumentError where the folder is missing or holds no text, or a file can't be read as UTF-8.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".md" and file.is_file())
    except FileNotFoundError as error:
        raise DocumentError(
            f"The documents folder {folder} doesn't exist: create it, or check that {_WHERE}."
        ) from error
    except NotADirectoryError as error:
        raise DocumentError(f"{folder} is a file, not a folder of Markdown documents: check that {_WHERE}.") from error
    except OSError as error:
        raise DocumentError(
            f"The documents folder {folder} can't be read ({error.strerror}): check its rights."
        ) from error
    documents = [document_from_markdown(file.name, _read(file)) for file in files]
    if not any(section.blocks for document in documents for section in document.sections):
        found = "no *.md file" if not files else "no text in its *.md files"
        raise DocumentError(f"The documents folder {folder} has {found}: put a document there, or check that {_WHERE}.")
    return documents


def linked_resources(documents: Sequence[Page]) -> list[Resource]:
    """Every link of every section in document order; an address that is linked twice is there twice."""
    return [resource for document in documents for section in document.sections for resource in section.resources]


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DocumentError(
            f"{file} isn't UTF-8 text (byte 0x{byte:02x} at offset {error.start}): save it as UTF-8."
        ) from error
    except OSError as error:
        raise DocumentError(f"{file} can't be read ({error.strerror}): check its rights.") from error
