"""The `read` tool: numbered lines of a text file, a folder's entries, an image, or a description of anything else."""

import base64
import os
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ralph.excerpts import clean_text, looks_binary
from ralph.tools.places import Place, Places, opened_parent, read_bytes
from ralph.tools.result import Blocks, ToolRefusedError, ToolResult

MAX_LINES = 2_000
MAX_LINE_CHARS = 2_000
MAX_RESULT_BYTES = 64_000
MAX_FILE_BYTES = 50_000_000
MAX_IMAGE_BASE64_BYTES = 5_000_000
MAX_ENTRIES = 1_000
IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
KINDS = {
    b"\x7fELF": "ELF program",
    b"PK\x03\x04": "zip archive",
    b"\x1f\x8b": "gzip data",
    b"%PDF": "PDF document",
    b"SQLite format 3\0": "SQLite database",
}


class ReadInput(BaseModel):
    model_config = ConfigDict(frozen=True)
    file_path: str
    offset: int = 1
    limit: int = MAX_LINES


@dataclass(frozen=True)
class Page:
    lines: list[str]
    cut_lines: int


def read(places: Places, given: ReadInput, seen: set[Path]) -> ToolResult:
    """Carry out `read`; a file that was shown is added to `seen`.

    Raises:
        ToolRefusedError: there is nothing to read there.

    """
    place = places.find(given.file_path)
    if place.path.is_dir():
        return ToolResult(_listing(place))
    data, about = _load(place)
    seen.add(place.path)
    image = _image_type(data)
    if image:
        return ToolResult(_image(place, data, image))
    if looks_binary(data):
        return ToolResult(f"{place.name}: binary file, {about.st_size} bytes, {_kind(data)}. Not shown.")
    if about.st_size > MAX_FILE_BYTES:
        raise ToolRefusedError(f"{place.name} has {about.st_size} bytes. Look at parts of it with bash (head, sed -n).")
    return _text(place, data, given)


def _load(place: Place) -> tuple[bytes, os.stat_result]:
    try:
        return read_bytes(place, MAX_FILE_BYTES)
    except FileNotFoundError as error:
        raise ToolRefusedError(f"{place.name}: no such file. {_neighbours(place)}") from error


def _neighbours(place: Place) -> str:
    try:
        names = [name.rstrip("/") for name in _entries(replace(place, parts=place.parts[:-1]))][:20]
    except OSError:
        return "Its folder does not exist either."
    return f"Its folder holds: {', '.join(names)}." if names else "Its folder is empty."


def _listing(place: Place) -> str:
    names = _entries(place)
    more = [f"[{len(names) - MAX_ENTRIES} more]"] if len(names) > MAX_ENTRIES else []
    return clean_text("\n".join([*names[:MAX_ENTRIES], *more])) or "(empty folder)"


def _entries(place: Place) -> list[str]:
    """What is in a folder, reached without following a link: one that is put in its place meanwhile is not listed."""
    with opened_parent(replace(place, parts=(*place.parts, "."))) as folder, os.scandir(folder) as entries:
        return sorted(entry.name + ("/" if entry.is_dir() else "") for entry in entries)


def _text(place: Place, data: bytes, given: ReadInput) -> ToolResult:
    text = data.decode("utf-8-sig", "replace")
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return ToolResult(f"{place.name} is empty.")
    if given.offset > len(lines):
        raise ToolRefusedError(f"{place.name} has {len(lines)} lines; offset {given.offset} is past its end.")
    page = _page(lines, given.offset, min(given.limit, MAX_LINES))
    last = given.offset + len(page.lines) - 1
    is_whole = given.offset == 1 and last == len(lines)
    head = f"{clean_text(place.name)} ({len(lines)} line{'' if len(lines) == 1 else 's'})"
    notes = [] if is_whole else [_where(given.offset, last, len(lines))]
    notes += [f"[{page.cut_lines} lines cut at {MAX_LINE_CHARS} characters]"] if page.cut_lines else []
    notes += ["[no newline at the end of the file]"] if is_whole and not text.endswith("\n") else []
    return ToolResult("\n".join([head, *page.lines, *notes]), truncated=not is_whole or bool(page.cut_lines))


def _where(first: int, last: int, total: int) -> str:
    onward = f"; go on with offset {last + 1}" if last < total else ""
    return f"[lines {first} to {last} of {total}{onward}]"


def _page(lines: list[str], offset: int, limit: int) -> Page:
    shown: list[str] = []
    size = cut = 0
    for number, line in enumerate(lines[offset - 1 : offset - 1 + limit], offset):
        clean = clean_text(line)
        if len(clean) > MAX_LINE_CHARS:
            clean = f"{clean[:MAX_LINE_CHARS]}[… {len(clean) - MAX_LINE_CHARS} characters more]"
            cut += 1
        entry = f"{number}\t{clean}"
        size += len(entry.encode()) + 1
        if shown and size > MAX_RESULT_BYTES:
            break
        shown.append(entry)
    return Page(shown, cut)


def _image_type(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in IMAGES.items() if data.startswith(magic)), "")


def _image(place: Place, data: bytes, kind: str) -> Blocks | str:
    encoded = base64.b64encode(data).decode()
    if len(encoded) > MAX_IMAGE_BASE64_BYTES:
        return f"{place.name}: {kind}, {len(data)} bytes, too large to show."
    return [{"type": "image", "source": {"type": "base64", "media_type": kind, "data": encoded}}]


def _kind(data: bytes) -> str:
    named = next((kind for magic, kind in KINDS.items() if data.startswith(magic)), "")
    return named or f"begins with {data[:4].hex(' ')}"
