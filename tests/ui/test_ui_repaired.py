"""What a repair changed, from the edits that a trace holds between two verifications."""

from contextlib import closing
from pathlib import Path
from typing import Any

from ralph.ui.checked import checked
from ralph.ui.repaired import Repair, repairs
from tracing import Tracer
from tracing.span import SpanKind
from tracing.store import TraceStore

Call = tuple[str, dict[str, Any], str | None]


def verify(trace: Any, *, passed: bool) -> None:
    with trace.span("verify", kind=SpanKind.CHAIN) as span:
        span.set_output({"passed": passed, "text": "ok" if passed else "failed: tests"})


def repaired(path: Path, first: list[Call], second: list[Call]) -> tuple[Repair, ...]:
    def play(trace: Any, calls: list[Call]) -> None:
        with trace.span("chat", kind=SpanKind.LLM):
            pass
        for name, told, error in calls:
            with trace.span(f"execute_tool {name}", kind=SpanKind.TOOL, input=told) as span:
                if error:
                    span.error(error)

    with closing(TraceStore.open(path)) as store:
        with Tracer(store).start_trace("work") as trace:
            play(trace, first)
            verify(trace, passed=False)
            play(trace, second)
            verify(trace, passed=True)
        detail = store.trace(trace.trace_id)
        return repairs(detail, checked(store, detail).verifications)


def writes(text: str) -> Call:
    return "write", {"file_path": "a.py", "content": text}, None


def edits(old: str, new: str, error: str | None = None) -> Call:
    return "edit", {"file_path": "a.py", "old_string": old, "new_string": new}, error


def lines(repair: Repair) -> list[list[str]]:
    return [
        [f"{line.kind.value} {line.text}" for hunk in edit.file.hunks for line in hunk.lines] for edit in repair.edits
    ]


def test_an_edit_of_the_repair_is_shown_without_line_numbers_and_those_before_it_are_not(tmp_path: Path) -> None:
    (repair,) = repaired(tmp_path / "t.db", [edits("x", "y")], [edits("one", "two")])
    assert lines(repair) == [["removed one", "added two"]]
    assert (repair.edits[0].turn, repair.edits[0].is_numbered, repair.added, repair.removed) == (2, False, 1, 1)
    assert repair.paths == ("a.py",)


def test_what_is_written_over_a_text_that_the_trace_knows_is_held_against_it(tmp_path: Path) -> None:
    (repair,) = repaired(tmp_path / "t.db", [writes("a\nb\n")], [writes("a\nc\n"), writes("a\nc\n")])
    assert lines(repair) == [["same a", "removed b", "added c"]]
    assert (repair.edits[0].is_numbered, repair.edits[0].is_whole) == (True, False)


def test_a_file_written_whole_over_nobody_knows_what_says_so(tmp_path: Path) -> None:
    (repair,) = repaired(tmp_path / "t.db", [writes("a\n"), edits("a", "b")], [writes("c\n")])
    assert lines(repair) == [["added c"]]
    assert repair.edits[0].is_whole


def test_a_failed_edit_changed_nothing_and_a_shell_command_may_have(tmp_path: Path) -> None:
    shell: Call = ("bash", {"command": "sed -i s/a/b/ a.py"}, None)
    (repair,) = repaired(tmp_path / "t.db", [], [edits("one", "two", "not found"), shell])
    assert (repair.edits, len(repair.shells)) == ((), 1)


def test_edits_beyond_what_a_page_can_show_are_counted(tmp_path: Path) -> None:
    (repair,) = repaired(tmp_path / "t.db", [], [writes("a\n" * 5_000), edits("one", "two")])
    assert (len(repair.edits), repair.left_out) == (1, 1)
