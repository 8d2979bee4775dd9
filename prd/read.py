"""From the bytes of a file to a Prd, or to every reason why not. Knows nothing of where PRDs are kept."""

import stat
from pathlib import Path

from prd.dialects.snarktank import read_snarktank
from prd.errors import PrdError
from prd.json_text import Node, parse_json
from prd.source import Source
from prd.story import Prd

MAX_BYTES = 10_000_000


def read_prd(path: Path, name: str | None = None) -> tuple[Prd, bytes]:
    """The PRD and the very bytes that it was read from; `name` is what messages call the file (default: the path).

    Raises: PrdError.
    """
    shown = str(path) if name is None else name
    data = _content(path, shown)
    return parse_prd(data, shown), data


def parse_prd(data: bytes, name: str) -> Prd:
    """Raises: PrdError with a line for each thing that is wrong."""
    source = Source.decode(data, name)
    document = parse_json(source.text)
    if document.root is None:
        raise source.refusal(document.problems)
    prd, problems = read_snarktank(document.root)
    if document.problems or problems:
        raise source.refusal((*document.problems, *problems))
    return prd


def parse_tree(data: bytes, name: str) -> tuple[Source, Node]:
    """The source and its JSON, whatever it says. Raises: PrdError for bytes that are not JSON."""
    source = Source.decode(data, name)
    document = parse_json(source.text)
    if document.root is None or document.problems:
        raise source.refusal(document.problems)
    return source, document.root


def _content(path: Path, shown: str) -> bytes:
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
