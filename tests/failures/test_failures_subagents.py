"""Sub-agents that run away, told when they begin; and the many ways of working with several agents that are fine."""

from typing import Any

import pytest

from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.replaying import replay
from tracing.failures.spawning import addressed_by, asked_for, started_by
from tracing.failures.sub_agents import SubAgents
from tracing.failures.watch import Watch
from tracing.finding import Finding, Severity, Verdict
from tracing.span import JsonValue, SpanKind

SECOND_NS = 1_000_000_000
CALL: dict[str, JsonValue] = {"prompt": "look at it", "subagent_type": "general-purpose"}


def span(
    span_id: str, parent: str | None, kind: SpanKind, name: str, start_s: float, length_s: float, **given: Any
) -> Observed:
    start_ns = 1_000 * SECOND_NS + round(start_s * SECOND_NS)
    return Observed(span_id, parent, kind, name, start_ns, start_ns + round(length_s * SECOND_NS), **given)


def root(length_s: float = 10_000) -> Observed:
    return span("root", None, SpanKind.AGENT, "main", 0, length_s)


def tasks(count: int, every_s: float, length_s: float = 60) -> list[Observed]:
    """Agents started by calls of a tool, each with a span and a model call of its own."""
    made = [root()]
    for number in range(count):
        at_s = 5 + number * every_s
        made += [
            span(f"t{number}", "root", SpanKind.TOOL, "Task", at_s, length_s, input=CALL),
            span(f"a{number}", f"t{number}", SpanKind.AGENT, "general-purpose", at_s + 0.01, length_s - 0.1),
            span(f"m{number}", f"a{number}", SpanKind.LLM, "some-model", at_s + 0.02, 1, input_tokens=900, output_tokens=100, cost_micros=7_000),
        ]  # fmt: skip
    return made


def found(spans: list[Observed], goal: str = "") -> Finding | None:
    watch = Watch([SubAgents(Subject(goal=goal))])
    replay(watch, spans, Ending())
    return watch.findings[0] if watch.findings else None


def verdict(spans: list[Observed], goal: str = "") -> Verdict | None:
    finding = found(spans, goal)
    return finding.verdict if finding else None


@pytest.mark.parametrize(("asked", "ran", "every_s"), [(3, 24, 30), (2, 242, 0.3), (5, 361, 20), (1, 905, 15)], ids=str)
def test_the_public_explosions_are_stopped(asked: int, ran: int, every_s: float) -> None:
    finding = found(tasks(ran, every_s), f"Use {asked} sub-agents to review the modules.")
    assert finding is not None
    assert (finding.verdict, finding.severity) == (Verdict.STOP, Severity.CRITICAL)
    assert f"{asked} were asked for" in finding.evidence
    assert f"{ran} sub-agents" in finding.evidence


def test_the_nudge_comes_when_the_ninth_of_three_begins_before_it_has_ended() -> None:
    watch, said = Watch([SubAgents(Subject(goal="Start three sub-agents, one a module."))]), []
    watch.began(root())
    for number in range(20):
        watch.began(span(f"t{number}", "root", SpanKind.TOOL, "Task", 5 + number, 60, input=CALL))
        said.append(watch.due())
    verdicts = [finding.verdict if finding else None for finding in said]
    assert verdicts.index(Verdict.NUDGE) == 8
    assert verdicts.index(Verdict.STOP) == 15
    nudge = said[8]
    assert nudge is not None
    assert "9 sub-agents" in nudge.nudge
    assert nudge.span_id == "t8"


def test_a_burst_that_nobody_put_a_number_on_is_stopped_within_the_minute() -> None:
    finding = found(tasks(60, 0.5))
    assert finding is not None
    assert finding.verdict is Verdict.STOP
    assert finding.waste.cost_micros == 7_000 * (60 - 16)
    assert "$0.4200" in finding.evidence
    assert "100 %" in finding.evidence


def test_agents_that_start_agents_are_nudged_four_levels_down_and_stopped_at_seven() -> None:
    made = [root()]
    for depth in range(1, 9):
        above = "root" if depth == 1 else f"a{depth - 1}"
        made += [
            span(f"m{depth}", above, SpanKind.LLM, "some-model", depth * 10, 1),
            span(f"a{depth}", above, SpanKind.AGENT, f"level {depth}", depth * 10 + 2, 5_000 - depth * 20),
        ]
    assert verdict([one for one in made if one.started_at_ns < 1_040 * SECOND_NS]) is None
    assert verdict([one for one in made if one.started_at_ns < 1_050 * SECOND_NS]) is Verdict.NUDGE
    assert verdict(made) is Verdict.STOP


def test_an_agent_that_starts_itself_again_and_again_runs_away_whatever_else_it_does() -> None:
    made = [
        root(),
        *(
            span(f"a{n}", "root" if n == 0 else f"a{n - 1}", SpanKind.AGENT, "main", n + 1, 500 - 2 * n)
            for n in range(8)
        ),
    ]
    assert verdict(made) is Verdict.STOP


def test_a_supervisor_with_five_workers_over_an_hour_is_fine() -> None:
    made = [root()]
    for turn in range(50):
        at_s = 10 + turn * 70
        made += [span(f"d{turn}", "root", SpanKind.TOOL, "delegate_to_worker", at_s, 60, input={"task": "next"}),
                 span(f"w{turn}", f"d{turn}", SpanKind.AGENT, f"worker-{turn % 5}", at_s + 1, 50)]  # fmt: skip
    assert verdict(made, "Let 5 workers go through the modules.") is None
    assert verdict(made) is None


def test_named_nodes_of_a_graph_that_take_turns_are_as_many_agents_as_names() -> None:
    made = [root()]
    for turn in range(400):
        name = ("supervisor", "researcher", "writer", "critic")[turn % 4]
        made.append(span(f"n{turn}", "root", SpanKind.AGENT, name, 2 + turn * 5, 4.5))
        made.append(span(f"m{turn}", f"n{turn}", SpanKind.LLM, "some-model", 2.1 + turn * 5, 4))
    assert found(made, "Write a report.") is None


def test_frameworks_that_wrap_an_agent_in_agent_spans_are_not_deep() -> None:
    made = [
        root(),
        *(
            span(f"w{n}", "root" if n == 0 else f"w{n - 1}", SpanKind.AGENT, f"wrapper {n}", n + 1, 500 - 2 * n)
            for n in range(5)
        ),
    ]
    assert found(made) is None


def test_ten_at_once_are_a_fan_out_and_handing_over_to_and_fro_is_no_start() -> None:
    assert found(tasks(10, 0.1)) is None
    handed = [
        root(),
        *(span(f"h{n}", "root", SpanKind.TOOL, f"transfer_to_agent_{n % 3}", 2 + n, 0.1) for n in range(90)),
    ]
    assert found(handed) is None


def test_an_order_without_a_clock_is_not_taken_for_a_minute_but_held_against_the_agents_own_turns() -> None:
    made = [Observed("root", None, SpanKind.AGENT, "main", 1, 10_000)]
    made += [Observed(f"t{n}", "root", SpanKind.TOOL, "Task", 10 * n + 5, 10 * n + 9, input=CALL) for n in range(45)]
    turns = [Observed(f"m{n}", "root", SpanKind.LLM, "some-model", 2 * n + 2, 2 * n + 3) for n in range(225)]
    assert found(sorted(made + turns, key=lambda one: one.started_at_ns)) is None
    assert verdict(made) is Verdict.NUDGE


@pytest.mark.parametrize(("every_s", "expected"), [(10, Verdict.NUDGE), (70, None)])
def test_forty_calls_for_agents_within_minutes_are_many_and_within_an_hour_are_not(
    every_s: int, expected: Verdict | None
) -> None:
    assert verdict(tasks(40, every_s, length_s=5)) is expected


def copies(count: int, *, decides: bool, between: bool = False) -> list[Observed]:
    """One agent's span after the other, all of one name, below an agent that has asked a model before the first, or each time."""
    made = [root()]
    for number in range(count):
        if (decides and number == 0) or between:
            made.append(span(f"d{number}", "root", SpanKind.LLM, "some-model", 1 + 10 * number, 0.5))
        made.append(span(f"a{number}", "root", SpanKind.AGENT, "researcher", 2 + 10 * number, 5))
    return made


def test_one_decision_that_sends_out_thirty_copies_in_a_row_is_told() -> None:
    assert verdict(copies(30, decides=True)) is Verdict.NUDGE
    assert verdict(copies(12, decides=True)) is None


def test_a_program_that_runs_one_agent_again_and_again_and_a_worker_called_anew_each_turn_are_meant() -> None:
    assert verdict(copies(60, decides=False)) is None
    assert verdict(copies(59, decides=True, between=True)) is None


def test_sub_agents_of_an_external_program_are_seen_by_their_ids() -> None:
    made = [root()]
    made += [
        span(f"m{n}", "root", SpanKind.LLM, "some-model", 5 + n * 0.4, 5, attributes={"gen_ai.agent.id": f"agent-{n}"})
        for n in range(60)
    ]
    assert verdict(made) is Verdict.STOP


@pytest.mark.parametrize(
    ("command", "count"),
    [
        ("claude -p 'fix the tests'", 1),
        ("cd app && IS_SANDBOX=1 claude --dangerously-skip-permissions -p x", 1),
        ("codex exec 'do it'", 1),
        ("aider --yes --message 'do it' a.py", 1),
        ("gemini -p hello", 1),
        ("nohup timeout 60 ralph run --max 3 &", 1),
        ("bash -c \"claude -p 'x'\"", 1),
        ("claude -p a & claude -p b & wait", 2),
        ('for i in $(seq 1 50); do claude -p "part $i" & done', 50),
        ("seq 24 | xargs -P 8 -I{} claude -p {}", 24),
        ("grep -rn 'claude -p' docs", 0),
        ("cat > run.sh <<'EOF'\nclaude -p x\nEOF", 0),
        ("echo codex exec", 0),
        ("claude --version", 0),
        ("ralph trace latest", 0),
        ("pip install aider-chat", 0),
    ],
)  # fmt: skip
def test_programs_that_are_agents_are_counted_where_a_shell_starts_them(command: str, count: int) -> None:
    assert started_by(span("x", None, SpanKind.TOOL, "bash", 0, 1, input={"command": command})) == count
    assert started_by(span("x", None, SpanKind.TOOL, "bash", 0, 1, input=command)) == count


@pytest.mark.parametrize(
    ("name", "given", "count"),
    [
        ("Task", CALL, 1),
        ("Task", '{"prompt": "x", "description": "y"}', 1),
        ("Agent", None, 1),
        ("spawn_agent", {"prompt": "x"}, 1),
        ("mcp__crew__spawn_agents", {"count": 12}, 12),
        ("run_subagents", {"tasks": ["a", "b", "c"]}, 3),
        ("Delegate work to coworker", {"task": "x", "coworker": "y"}, 1),
        ("sessions_spawn", {"task": "x"}, 1),
        ("task", {"title": "buy milk", "due": "today"}, 0),
        ("TaskUpdate", {"taskId": "1"}, 0),
        ("get_user_details", {"user_id": "x"}, 0),
        ("run_tests", {}, 0),
    ],
)
def test_tools_that_start_agents_are_known_by_name_and_arguments(name: str, given: JsonValue, count: int) -> None:
    assert started_by(span("x", None, SpanKind.TOOL, name, 0, 1, input=given)) == count


@pytest.mark.parametrize(
    ("name", "given", "whom"),
    [
        ("transfer_to_billing", None, "billing"),
        ("transfer_to_human_agents", None, ""),
        ("send_message", {"recipient": "Tester", "content": "x"}, "tester"),
        ("send_message", {"to": "ana@example.org", "content": "x"}, ""),
        ("read", {"path": "a"}, ""),
    ],
)
def test_a_handover_is_known_by_whom_it_goes_to(name: str, given: JsonValue, whom: str) -> None:
    assert addressed_by(span("x", None, SpanKind.TOOL, name, 0, 1, input=given)) == whom


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Use 3 sub-agents to review.", 3),
        ("Start five parallel explorers", 5),
        ("spawn a dozen workers", 12),
        ("2 review agents and 4 test agents", 4),
        ("Fix the 3 failing tests.", 0),
        ("", 0),
    ],
)
def test_the_number_asked_for_is_read_from_the_goal(text: str, count: int) -> None:
    assert asked_for(text) == count


def test_a_parent_that_begins_in_the_same_instant_is_known_before_its_children_though_a_file_lists_them_first() -> None:
    made = []
    for depth in range(5):
        task = span(f"t{depth}", f"a{depth - 1}" if depth else "root", SpanKind.TOOL, "Task", 5, 60 - depth, input=CALL)
        agent = span(f"a{depth}", f"t{depth}", SpanKind.AGENT, "Explore", 5, 59.5 - depth)
        made += [task, agent]
    assert verdict([*reversed(made), root()]) is Verdict.NUDGE
