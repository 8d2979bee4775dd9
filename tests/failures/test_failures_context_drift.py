"""An agent that leaves its goal is told so; one that works on it in other steps is not."""

import pytest

from tracing.failures.goal_drift import GoalDrift, stems
from tracing.failures.observed import Ending, Observed, Subject
from tracing.finding import Finding, Severity, Verdict
from tracing.span import JsonValue, SpanKind, TraceStatus

GOAL = "Settle debts: `kitty settle LEDGER` lists the payments that make a group of travellers even."
CRITERIA = (
    "`kitty settle LEDGER --csv FILE` writes the payments to a spreadsheet",
    "Refunds undo their expense to the cent",
)
ON_IT: tuple[JsonValue, ...] = (
    {"command": "grep -n balances src/kitty/ledger.py"},
    {"file_path": "src/kitty/settle.py"},
    {"command": "ls -la"},
)
OFF_IT: tuple[JsonValue, ...] = (
    {"command": "docker compose up -d"},
    {"url": "https://hub.example/images"},
    {"command": "systemctl restart nginx"},
)


def calls(*arguments: JsonValue, start: int = 0) -> list[Observed]:
    return [
        Observed(f"s{i}", "root", SpanKind.TOOL, "bash", i, i + 1, input=given, output="kitty settle ledger payments")
        for i, given in enumerate(arguments, start)
    ]


def found_in(spans: list[Observed], subject: Subject, ending: Ending | None = None) -> list[Finding]:
    detector = GoalDrift(subject)
    found = {told.key: told for span in spans for told in detector.ended(span)}
    return list((found | {told.key: told for told in detector.closed(ending or Ending())}).values())


def test_a_goal_that_vanishes_for_a_long_stretch_is_told_from_where_on() -> None:
    (finding,) = found_in(calls(*ON_IT * 4, *OFF_IT * 4), Subject(goal=GOAL))
    assert finding.title == "The last 13 steps name nothing of the goal"  # the last step on the way was `ls`
    assert finding.span_id == "s11"
    assert "`kitty`" in finding.evidence
    assert (finding.verdict, finding.severity) == (Verdict.NOTE, Severity.NOTE)


def test_the_agent_itself_is_told_when_it_stays_away_for_twice_as_long() -> None:
    (finding,) = found_in(calls(*ON_IT * 4, *OFF_IT * 9), Subject(goal=GOAL))
    assert finding.verdict is Verdict.NUDGE
    assert "return to the task" in finding.nudge


def test_one_mention_in_a_long_silence_does_not_hide_it() -> None:
    (finding,) = found_in(calls(*ON_IT * 4, *OFF_IT * 4, "payments", *OFF_IT * 4), Subject(goal=GOAL))
    assert "next to nothing of the goal" in finding.title


def test_the_first_thing_a_model_was_told_is_the_goal_where_none_is_known() -> None:
    told = Observed("m0", "root", SpanKind.LLM, "model", input=[{"role": "user", "content": GOAL}], output="I will.")
    assert found_in([told, *calls(*ON_IT * 4, *OFF_IT * 4)], Subject())


def test_a_run_of_a_dozen_steps_is_long_enough() -> None:
    assert found_in(calls(*ON_IT, *OFF_IT * 3), Subject(goal=GOAL))


def test_what_the_first_steps_are_about_stands_for_a_goal_that_nobody_told() -> None:
    (finding,) = found_in(calls(*ON_IT * 4, *OFF_IT * 9), Subject())
    assert finding.title == "The last 28 steps name nothing of what the first steps were about"


def test_answers_without_calls_are_steps_too() -> None:
    said = [*["I settle the debts with the payments of the ledger."] * 3, *["A golden horse for the logo."] * 12]
    spans = [Observed(f"m{i}", "root", SpanKind.LLM, "model", i, i + 1, output=text) for i, text in enumerate(said)]
    (finding,) = found_in(spans, Subject(goal=GOAL))
    assert finding.span_id == "m3"
    assert "something new: `golden`, `horse`, `logo`" in finding.evidence


@pytest.mark.parametrize(
    ("goal", "arguments"),
    [
        pytest.param("Fix the bug", ON_IT * 4 + OFF_IT * 9, id="a-goal-of-common-words"),
        pytest.param(GOAL, ON_IT * 9, id="on-it"),
        pytest.param(GOAL, OFF_IT * 9, id="never-named-so-told-in-other-words"),
        pytest.param(GOAL, ON_IT * 4 + OFF_IT * 2, id="a-short-detour"),
        pytest.param(GOAL, ON_IT * 20 + OFF_IT * 4, id="short-against-all-that-was-before"),
        pytest.param(GOAL, ON_IT * 4 + tuple(f"{n:04}" for n in range(30)), id="no-topic-of-its-own"),
        pytest.param(
            GOAL,
            (
                *ON_IT,
                {"command": "grep -rn 'kitty settle' deploy/nginx.conf"},
                *({"file_path": "deploy/nginx.conf"},) * 20,
            ),
            id="where-the-way-led",
        ),
        pytest.param(GOAL, (ON_IT * 4 + OFF_IT * 2) * 3, id="detours"),
    ],
)
def test_no_drift_is_told(goal: str, arguments: tuple[JsonValue, ...]) -> None:
    assert found_in(calls(*arguments), Subject(goal=goal)) == []


def test_what_the_agent_says_is_work_on_the_goal_too() -> None:
    said = [
        Observed(f"m{i}", "root", SpanKind.LLM, "model", output=[{"type": "text", "text": "Now the payments."}])
        for i in range(12)
    ]
    steps = [span for pair in zip(said, calls(*OFF_IT * 4, start=12), strict=True) for span in pair]
    assert found_in([*calls(*ON_IT * 4), *steps], Subject(goal=GOAL)) == []


def test_criteria_that_nothing_touched_are_told_at_the_end() -> None:
    done = Ending(TraceStatus.SUCCESS)
    (finding,) = found_in(calls(*ON_IT * 3), Subject(goal=GOAL, criteria=CRITERIA), done)
    assert finding.title == "1 acceptance criterion was left untouched"
    assert "Refunds undo their expense" in finding.evidence
    assert finding.severity is Severity.WARNING
    assert found_in(calls(*ON_IT * 3), Subject(criteria=CRITERIA), Ending(passed=True))[0].severity is Severity.NOTE


def test_criteria_are_not_held_against_work_that_did_not_end() -> None:
    assert found_in(calls(*ON_IT * 3), Subject(criteria=CRITERIA), Ending(TraceStatus.INTERRUPTED)) == []


def test_names_are_taken_apart_and_common_words_left_out() -> None:
    assert stems("Please fix `settleDebts` in src/kitty_money.py") == {"settle", "debts", "src", "kitty", "money"}
