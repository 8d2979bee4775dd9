"""The `edit` and `write` tools: exact and unique or refused, everything else of the file kept as it was.

No fuzzy matching: a match in the wrong place costs more than a refusal that shows the nearest lines.
"""

import re
from difflib import SequenceMatcher
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ralph.excerpts import looks_binary
from ralph.tools.places import Place, Places, read_bytes, replace_bytes
from ralph.tools.result import ToolRefusedError, ToolResult

MAX_FILE_BYTES = 10_000_000
NEAREST = 3
SEARCHED_LINES = 20_000
_LINE_NUMBER = re.compile(r"^\s*\d+\t", re.MULTILINE)
_BLANKS = re.compile(r"\s+")


class EditInput(BaseModel):
    model_config = ConfigDict(frozen=True)
    file_path: str
    old_string: str
    new_string: str
    replace_all: bool = False


class WriteInput(BaseModel):
    model_config = ConfigDict(frozen=True)
    file_path: str
    content: str


def edit(places: Places, given: EditInput) -> ToolResult:
    """Carry out `edit`.

    Raises:
        ToolRefusedError: the text is not there, or not unique, or the file may not be changed.

    """
    place = places.find_to_change(given.file_path)
    data, mode = _load(place)
    text = data.decode("utf-8", "surrogateescape")  # every byte survives, whatever the encoding
    old, new = _in_line_ends_of(text, given)
    count = text.count(old)
    if count == 0:
        raise ToolRefusedError(_not_found(place.name, text, given.old_string))
    if count > 1 and not given.replace_all:
        raise ToolRefusedError(
            f"{place.name}: old_string occurs {count} times, at {_line_numbers(text, old)}. "
            "Add lines around it until it is unique, or set replace_all."
        )
    changed = text.replace(old, new)
    where = _changed_lines(text, old, new)
    replace_bytes(place, changed.encode("utf-8", "surrogateescape"), mode)
    plural = "" if count == 1 else "s"
    return ToolResult(
        f"edited {place.name} ({count} replacement{plural}): {where}; the file now has {_lines(changed)}",
        changed=True,
    )


def write(places: Places, given: WriteInput, seen: set[Path]) -> ToolResult:
    """Carry out `write`.

    Raises:
        ToolRefusedError: the file exists and is not in `seen`, or it may not be changed.

    """
    place = places.find_to_change(given.file_path)
    if not place.parts or place.path.is_dir():
        raise ToolRefusedError(f"{given.file_path} is a folder. Name a file in it.")
    exists = place.path.exists()
    if exists and place.path not in seen:
        raise ToolRefusedError(f"{place.name} exists. Read it first, or change a part of it with edit.")
    mode = read_bytes(place, 0)[1].st_mode if exists else None
    data = given.content.encode()
    try:
        replace_bytes(place, data, mode)
    except (FileExistsError, NotADirectoryError) as error:
        raise ToolRefusedError(f"{place.name}: a part of its path is a file, not a folder.") from error
    seen.add(place.path)
    return ToolResult(f"{'replaced' if exists else 'created'} {place.name} ({len(data)} bytes)", changed=True)


def _load(place: Place) -> tuple[bytes, int]:
    if not place.parts or place.path.is_dir():
        raise ToolRefusedError(f"{place.name} is a folder. Name a file in it.")
    try:
        data, about = read_bytes(place, MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise ToolRefusedError(f"{place.name}: no such file. Create it with write.") from error
    if looks_binary(data):
        raise ToolRefusedError(f"{place.name} is a binary file; edit works on text.")
    if len(data) > MAX_FILE_BYTES:
        raise ToolRefusedError(f"{place.name} is larger than {MAX_FILE_BYTES} bytes. Change it with a command in bash.")
    return data, about.st_mode


def _in_line_ends_of(text: str, given: EditInput) -> tuple[str, str]:
    """`read` shows CRLF files with plain line ends; in a file that has only CRLF the edit means CRLF as well."""
    has_only_crlf = "\r\n" in text and text.count("\n") == text.count("\r\n")
    if not has_only_crlf:
        return given.old_string, given.new_string
    return _crlf(given.old_string), _crlf(given.new_string)


def _crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def _changed_lines(text: str, old: str, new: str) -> str:
    """Which lines of the edited file hold the new text, from the first replacement to the last."""
    before_last = new.join(text.split(old)[:-1])
    first = text.count("\n", 0, text.find(old)) + 1
    last = before_last.count("\n") + 1 + new.removesuffix("\n").count("\n")
    return f"line {first}" if first == last else f"lines {first} to {last}"


def _lines(text: str) -> str:
    count = text.count("\n") + (not text.endswith("\n") and bool(text))
    return "1 line" if count == 1 else f"{count} lines"


def _line_numbers(text: str, old: str) -> str:
    numbers: list[int] = []
    start = text.find(old)
    while start >= 0 and len(numbers) < 10:
        numbers.append(text.count("\n", 0, start) + 1)
        start = text.find(old, start + len(old))
    several = [str(number) for number in dict.fromkeys(numbers)]
    return f"line{'s' if len(several) > 1 else ''} {', '.join(several)}" + (" …" if start >= 0 else "")


def _not_found(name: str, text: str, old: str) -> str:
    near = "\n".join(_nearest(text, old))
    shown = f" The nearest lines are:\n{near}" if near else ""
    return f"{name}: old_string does not occur. {_hint(text, old)}{shown}".rstrip()


def _hint(text: str, old: str) -> str:
    if _LINE_NUMBER.search(old) and _squeezed(_LINE_NUMBER.sub("", old)) in _squeezed(text):
        return "It holds the line numbers that read shows; leave them out."
    if _squeezed(old) and _squeezed(old) in _squeezed(text):
        return "It differs from the file only in whitespace (indentation, tabs, line ends)."
    return "Read the file again and copy the text exactly."


def _squeezed(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()


def _nearest(text: str, old: str) -> list[str]:
    """The lines of the file most like the first line of the text that was looked for, as `read` shows them."""
    wanted = next((line.strip() for line in old.split("\n") if line.strip()), "")[:200]
    if not wanted:
        return []
    matcher = SequenceMatcher(b=wanted, autojunk=False)
    scored = []
    for number, line in enumerate(text.split("\n")[:SEARCHED_LINES], 1):
        matcher.set_seq1(line.strip()[:200])
        if matcher.real_quick_ratio() > 0.5 and matcher.quick_ratio() > 0.5:
            scored.append((-matcher.ratio(), number, line.rstrip("\r")[:200]))
    best = sorted(scored)[:NEAREST]
    return [
        f"{number}\t{line.encode('utf-8', 'replace').decode()}" for _, number, line in sorted(best, key=lambda x: x[1])
    ]
