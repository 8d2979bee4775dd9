"""From the bytes of a file to a Document in its dialect, or to every reason why not. Knows nothing of where PRDs are kept."""

import stat
from pathlib import Path, PurePath

from prd.dialects.stories import read_stories
from prd.document import Document
from prd.errors import PrdError
from prd.json_text import parse_json
from prd.source import BOM, Source
from prd.story import Prd

MAX_BYTES = 10_000_000


def read_prd(path: Path, name: str | None = None) -> tuple[Prd, bytes]:
    """The PRD and the very bytes that it was read from; `name` is what messages call the file (default: the path).

    Raises: PrdError.
    """
    shown = str(path) if name is None else name
    data = read_bytes(path, shown)
    return parse_prd(data, shown), data


def parse_prd(data: bytes, name: str) -> Prd:
    """Raises: PrdError with a line for each thing that is wrong."""
    source, document = read_document(data, name)
    if document.problems:
        raise source.refusal(document.problems)
    return document.prd


def read_good(path: Path, name: str) -> tuple[Source, Document]:
    """The text and what it says, of a PRD without problems. Raises: PrdError as `parse_prd`."""
    source, document = read_document(read_bytes(path, name), name)
    if document.problems:
        raise source.refusal(document.problems)
    return source, document


def read_document(data: bytes, name: str) -> tuple[Source, Document]:
    """The text and what it says; what is wrong with single stories is among the document's problems.

    The name's ending tells the language (.json, .yaml, .yml, .md, .markdown), else the first character: { or [ is JSON, everything
    else Markdown.

    Raises: PrdError for bytes that cannot be read to their end.
    """
    source = Source.decode(data, name)
    return source, _read(source, _language(source))


def _language(source: Source) -> str:
    ending = PurePath(source.name).suffix.lower()
    if ending in _LANGUAGES:
        return _LANGUAGES[ending]
    first = source.text.removeprefix(BOM).lstrip()[:1]
    return "json" if first in {"{", "["} else "markdown"


_LANGUAGES = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".md": "markdown", ".markdown": "markdown"}


def _read(source: Source, language: str) -> Document:
    if language == "markdown":
        from prd.dialects.markdown import read_markdown  # noqa: PLC0415

        return read_markdown(source)
    if language == "yaml":
        from prd.yaml_text import parse_yaml  # noqa: PLC0415

        return read_stories(source, parse_yaml(source.text), yaml=True)
    return read_stories(source, parse_json(source.text), yaml=False)


def read_bytes(path: Path, shown: str) -> bytes:
    """Raises: PrdError for what is no file, is too large or cannot be read; `shown` is what the message calls it."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise PrdError(f"{shown}: this is not a file. Name the PRD itself, for example {shown}/prd.json.")
        if found.st_size > MAX_BYTES:
            raise PrdError(f"{shown}: the file is larger than {MAX_BYTES // 1_000_000} MB. Split it into several PRDs.")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PrdError(f"{shown}: there is no such file. Name a PRD that exists.") from error
    except OSError as error:
        raise PrdError(f"{shown}: the file cannot be read ({error.strerror}). Check its permissions.") from error
