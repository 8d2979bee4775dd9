"""What each repair changed: the agent's edits between one verification and the next, as diffs.

Knows the edits that the trace holds, and which shell commands ran meanwhile, but not what those commands did to files.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ralph.ui.checked import Verification
from tracing.diffs import DiffLine, FileDiff, Hunk, between
from tracing.span import JsonValue, SpanKind, SpanStatus
from tracing.store import SpanRow, TraceDetail
from tracing.web.messages import given
from tracing.web.tool_view import COMMANDS, DIFFED_CHARS, safe, tool_view
from tracing.words import plain

MOST_LINES = 1_000  # of diffs in one repair


@dataclass(frozen=True)
class Edit:
    """One call that changed a file. `is_whole`: written anew, and the trace does not know over what."""

    span_id: str
    turn: int
    file: FileDiff
    is_whole: bool

    @property
    def is_numbered(self) -> bool:
        """False: the text is a piece of the file, and nobody knows which lines it is."""
        return any(line.old or line.new for hunk in self.file.hunks for line in hunk.lines)


@dataclass(frozen=True)
class Repair:
    number: int
    verify_span_id: str  # of the verification after it
    edits: tuple[Edit, ...]
    left_out: int  # edits, beyond what a page can show
    shells: tuple[str, ...]  # spans of shell commands: they may have changed more
    from_span_id: str  # its first model call; ""

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(edit.file.path for edit in self.edits))

    @property
    def added(self) -> int:
        return sum(edit.file.added for edit in self.edits)

    @property
    def removed(self) -> int:
        return sum(edit.file.removed for edit in self.edits)


def repairs(detail: TraceDetail, verifications: Sequence[Verification]) -> tuple[Repair, ...]:
    """One for each verification after the first that is no mere check on top of what landed."""
    again = [one for number, one in enumerate(verifications) if number and not one.on_top]
    if not again:
        return ()
    edits, found, began_ns = tuple(_edits(detail)), list[Repair](), verifications[0].at_ns
    for number, one in enumerate(again, 1):
        found.append(_repair(number, one, detail, edits, began_ns))
        began_ns = one.at_ns
    return tuple(found)


def _repair(number: int, to: Verification, detail: TraceDetail, edits: Sequence[Edit], began_ns: int) -> Repair:
    meanwhile = [span for span in detail.spans if began_ns < span.started_at_ns < to.at_ns]
    own = {span.span_id for span in meanwhile}
    mine = [edit for edit in edits if edit.span_id in own]
    shown = tuple(_fitting(mine))
    return Repair(
        number=number,
        verify_span_id=to.span_id,
        edits=shown,
        left_out=len(mine) - len(shown),
        shells=tuple(span.span_id for span in meanwhile if span.kind is SpanKind.TOOL and _is_shell(span)),
        from_span_id=next((span.span_id for span in meanwhile if span.kind is SpanKind.LLM), ""),
    )


def _fitting(edits: Sequence[Edit]) -> Iterator[Edit]:
    room = MOST_LINES
    for edit in edits:
        lines = sum(len(hunk.lines) for hunk in edit.file.hunks)
        if lines <= room:
            room -= lines
            yield edit


def _is_shell(span: SpanRow) -> bool:
    told = _told(span)
    return any(isinstance(told.get(name), str) for name in COMMANDS)


def _edits(detail: TraceDetail) -> Iterator[Edit]:
    """Every edit of the trace that came about, in order: what was written before says what is written over."""
    written, turn = dict[str, str](), 0
    for span in detail.spans:
        turn += span.kind is SpanKind.LLM
        if span.kind is not SpanKind.TOOL or span.status is not SpanStatus.OK:
            continue
        path, content = _written(_told(span))
        if content is None:
            for file in tool_view(span).diffs:
                written.pop(file.path, None)
                yield Edit(span.span_id, turn, _unnumbered(file), is_whole=False)
            continue
        known = written.get(path)
        if known != content:
            yield Edit(span.span_id, turn, safe(between(known or "", content, path)), is_whole=known is None)
        written[path] = content


def _told(span: SpanRow) -> Mapping[str, JsonValue]:
    told = given(span)
    return told if isinstance(told, Mapping) else {}


def _written(told: Mapping[str, JsonValue]) -> tuple[str, str | None]:
    """A file's path and its whole new text; None where the call writes no whole file."""
    path, content = told.get("file_path"), told.get("content")
    if isinstance(path, str) and isinstance(content, str) and len(content) <= DIFFED_CHARS:
        return plain(path), content
    return "", None


def _unnumbered(file: FileDiff) -> FileDiff:
    """An edit's text is a piece of a file: where in it, the call does not say."""
    return replace(file, hunks=tuple(Hunk(hunk.heading, tuple(map(_without, hunk.lines))) for hunk in file.hunks))


def _without(line: DiffLine) -> DiffLine:
    return replace(line, old=None, new=None)
