"""A tool's call, ready to be read: its arguments, what it changed as a diff, what came of it. Knows tools by their arguments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tracing import attributes as names
from tracing.diffs import FileDiff, between, parse
from tracing.span import JsonValue
from tracing.store import SpanRow
from tracing.web.blocks import Argument, Text, arguments
from tracing.web.messages import given
from tracing.web.visible import visible
from tracing.words import plain

DIFFED_CHARS = 200_000
PATHS = ("file_path", "path", "filename", "file", "notebook_path")
REPLACED = (("old_string", "new_string"), ("old_str", "new_str"), ("old_text", "new_text"))
WRITTEN = ("content", "file_text", "contents")
COMMANDS = ("command", "cmd", "script", "code")


@dataclass(frozen=True)
class ToolView:
    """`command` is what a shell was told; `diffs` what a file's old and new text differ in."""

    name: str
    command: Text | None
    arguments: tuple[Argument, ...]
    diffs: tuple[FileDiff, ...]
    exit_code: int | None
    is_cut: bool
    full_output: str  # where the whole output is kept; ""


def tool_view(span: SpanRow) -> ToolView:
    known, told = span.attributes, given(span)
    by_name = told if isinstance(told, Mapping) else {}
    diffs, shown = _diffs(by_name)
    all_arguments = arguments(told)
    command = next((one for one in all_arguments if one.name in COMMANDS), None)
    left = [one for one in all_arguments if one.name not in shown and one is not command]
    exit_code = known.get(names.EXIT_CODE)
    return ToolView(
        name=plain(known.get(names.TOOL_NAME) or span.name.removeprefix("execute_tool ")),
        command=command.value if command else None,
        arguments=tuple(left),
        diffs=diffs,
        exit_code=exit_code if isinstance(exit_code, int) else None,
        is_cut=bool(known.get(names.TRUNCATED)),
        full_output=plain(known.get(names.FULL_OUTPUT) or ""),
    )


def _diffs(told: Mapping[str, JsonValue]) -> tuple[tuple[FileDiff, ...], frozenset[str]]:
    """What the arguments change, and which of them that shows."""
    path = next((plain(told[name]) for name in PATHS if isinstance(told.get(name), str)), "")
    found = list(_changes(told, path))
    shown = {name for pair in REPLACED for name in pair} | set(WRITTEN) | {"edits", "patch", "diff"}
    return tuple(map(safe, found)), frozenset(shown if found else ())


def _changes(told: Mapping[str, JsonValue], path: str) -> Iterator[FileDiff]:
    edits = told.get("edits")
    for edit in [told, *(edits if isinstance(edits, list) else [])]:
        pair = _pair(edit) if isinstance(edit, Mapping) else None
        if pair:
            yield between(*pair, path)
    written = next((value for name in WRITTEN if isinstance(value := told.get(name), str)), None)
    if written is not None and path and len(written) <= DIFFED_CHARS:
        yield between("", written, path)
    patch = told.get("patch") or told.get("diff")
    if isinstance(patch, str) and len(patch) <= DIFFED_CHARS:
        yield from parse(patch)


def _pair(edit: Mapping[str, JsonValue]) -> tuple[str, str] | None:
    for old, new in REPLACED:
        before, after = edit.get(old), edit.get(new, "")
        if isinstance(before, str) and isinstance(after, str) and len(before) + len(after) <= DIFFED_CHARS:
            return before, after
    return None


def safe(file: FileDiff) -> FileDiff:
    hunks = tuple(
        replace(
            hunk,
            heading=visible(hunk.heading),
            lines=tuple(replace(line, text=visible(line.text)) for line in hunk.lines),
        )
        for hunk in file.hunks
    )
    return replace(file, path=plain(file.path), old_path=plain(file.old_path), hunks=hunks)
