"""Runs read from files of steps."""

from tracing.failures.observed import Ending, StopReason, Subject
from tracing.failures.steps import read_steps
from tracing.span import JsonValue, SpanKind, TraceStatus

STEP: dict[str, JsonValue] = {
    "i": 0, "span": "aa", "agent": "coder", "tool": "bash", "args": "ls", "obs": "a.py", "obs_len": 4, "err": False,
    "ptok": 900, "ctok": 40, "finish": "LENGTH",
}  # fmt: skip


def test_a_step_is_a_turn_of_the_model_and_the_call_it_made() -> None:
    subject, (turn, call), ending = read_steps(
        {"trace_id": "t", "source": "s", "outcome": 1.0, "goal": "do it", "steps": [STEP]}
    )

    assert subject == Subject(trace_id="t", agent="coder", goal="do it")
    assert ending == Ending(TraceStatus.SUCCESS, passed=True)
    assert (turn.kind, turn.span_id, turn.input_tokens, turn.output_tokens) == (SpanKind.LLM, "aa-turn", 900, 40)
    assert turn.stop_reason is StopReason.MAX_TOKENS
    assert turn.output == [{"type": "tool_use", "name": "bash", "input": "ls"}]
    assert (call.kind, call.span_id, call.name, call.input, call.output) == (SpanKind.TOOL, "aa", "bash", "ls", "a.py")
    assert turn.parent_span_id == call.parent_span_id == "agent-coder"


def test_a_result_that_was_cut_differs_from_one_that_only_begins_alike() -> None:
    long: JsonValue = "x" * 2_000
    _, spans, _ = read_steps(
        {"steps": [{**STEP, "obs": long, "obs_len": 5_000}, {**STEP, "obs": long, "obs_len": 6_000}]}
    )

    assert spans[1].output != spans[3].output


def test_a_step_without_a_tool_is_an_answer() -> None:
    _, (said, refused), _ = read_steps(
        {
            "steps": [
                {"agent": "writer", "obs": "Here is the text."},
                {"tool": "(no action)", "args": "", "obs": "Give one action.", "err": True},
            ]
        }
    )

    assert (said.kind, said.output, said.span_id) == (SpanKind.LLM, "Here is the text.", "step-0")
    assert (refused.output, refused.error) == (None, "Give one action.")


def test_anything_may_be_missing_or_strange() -> None:
    subject, spans, ending = read_steps(
        {"steps": [None, "x", {}, {"i": 7, "tool": "t", "ptok": "many", "ctok": -1, "obs": {"a": [1]}}]}
    )

    assert subject == Subject()
    assert [span.span_id for span in spans] == ["step-0", "step-7-turn", "step-7"]
    assert ending == Ending(TraceStatus.RUNNING, passed=None)
    assert read_steps({"steps": "no list"})[1] == []


def test_ids_are_made_different_where_the_file_has_one_twice() -> None:
    _, spans, _ = read_steps({"steps": [STEP, STEP, STEP]})

    assert len({span.span_id for span in spans}) == len(spans)
