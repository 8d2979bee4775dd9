"""What is a loop and what is none."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tracing.failures.answer_loop import AnswerLoop
from tracing.failures.detector import Detector
from tracing.failures.observed import Observed, Subject
from tracing.failures.replaying import replay
from tracing.failures.retry_loop import RetryLoop
from tracing.failures.watch import Watch
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import JsonValue, SpanKind

SECOND_NS = 1_000_000_000


class Script:
    """Spans one after another: a model's turn of 100 tokens and 50 micros, then the call it made."""

    def __init__(self) -> None:
        self.spans: list[Observed] = []
        self._at_s = 0

    def call(
        self,
        tool: str = "bash",
        arguments: JsonValue = "cat a.py",
        output: JsonValue = "the whole text of a file, line by line, as it stands",
        *,
        changed: bool | None = None,
        is_error: bool = False,
        agent: str | None = None,
    ) -> "Script":
        self._add(Observed("", agent, SpanKind.LLM, "model", input_tokens=90, output_tokens=10, cost_micros=50))
        self._add(
            Observed("", agent, SpanKind.TOOL, tool, is_error=is_error, input=arguments, output=output, changed=changed)
        )
        return self

    def say(self, text: str) -> "Script":
        self._add(Observed("", None, SpanKind.LLM, "model", output=text, input_tokens=90, output_tokens=10))
        return self

    def _add(self, span: Observed) -> None:
        began_ns = self._at_s * SECOND_NS
        self.spans.append(
            replace(span, span_id=f"s{len(self.spans)}", started_at_ns=began_ns, ended_at_ns=began_ns + SECOND_NS)
        )
        self._at_s += 1


def found(spans: Sequence[Observed], detector: type[Detector] = RetryLoop) -> tuple[Finding, ...]:
    watch = Watch([detector(Subject())])
    replay(watch, spans, None)
    return watch.findings


def verdict(script: Script) -> Verdict | None:
    findings = found(script.spans)
    return findings[0].verdict if findings else None


@pytest.mark.parametrize(
    ("times", "said"),
    [(2, None), (3, Verdict.NOTE), (4, Verdict.NUDGE), (5, Verdict.NUDGE), (6, Verdict.STOP), (20, Verdict.STOP)],
)
def test_the_same_call_with_the_same_result_is_noted_then_told_to_the_agent_then_stopped(
    times: int, said: Verdict | None
) -> None:
    script = Script()
    for _ in range(times):
        script.call()

    assert verdict(script) == said


@pytest.mark.parametrize(("times", "said"), [(1, None), (2, None), (3, Verdict.NUDGE), (6, Verdict.STOP)])
def test_the_same_failure_is_told_earlier(times: int, said: Verdict | None) -> None:
    script = Script()
    for _ in range(times):
        script.call("edit_file", {"old": "x"}, "Error: the old text was not found")

    assert verdict(script) == said


def test_the_finding_says_what_when_and_what_it_cost() -> None:
    script = Script().call(arguments="ls")
    for number in range(6):
        script.call("bash", "pytest -q", f"3 failed, 2 passed in {number}.31s", is_error=True)

    (finding,) = found(script.spans)

    assert finding.title == "The same bash call failed in the same way 6 times"
    assert finding.evidence == (
        "bash `pytest -q` failed in the same way 6 times, from turn 2 to 7, and nothing was changed between. "
        "Each time: 3 failed, 2 passed in 5.31s"
    )
    assert finding.severity is Severity.CRITICAL
    assert finding.span_id == "s5"  # the first repeat
    assert finding.span_ids == ("s5", "s7", "s9", "s11", "s13", "s3")
    assert finding.waste == Waste(tokens=500, cost_micros=250, duration_ns=10 * SECOND_NS)
    assert finding.nudge.startswith(
        "You have made the same call 6 times and it failed in the same way: bash `pytest -q`."
    )


def test_times_ids_and_addresses_in_a_result_do_not_make_it_another() -> None:
    script = Script()
    for number in range(6):
        noise = f"2026-11-0{number} 07:1{number}:00 pid {number} 0x7f{number}0aa took {number}.{number} seconds"
        script.call(output=f"the file is empty ({noise})")

    assert verdict(script) is Verdict.STOP


def test_arguments_written_differently_are_the_same() -> None:
    ways: list[JsonValue] = [{}, {"": ""}, None, {"path": None}, "{}", ""]
    script = Script()
    for arguments in ways:
        script.call("list_files", arguments)

    assert verdict(script) is Verdict.STOP


@pytest.mark.parametrize("length", [2, 3, 4])
def test_a_circle_of_calls_is_one_finding_even_if_they_act(length: int) -> None:
    script = Script()
    for number in range(5 * length):
        place = number % length
        script.call("bash", f"python step_{place}.py", f"this is what script number {'abcd'[place]} has to say today")

    findings = found(script.spans)

    assert [finding.verdict for finding in findings] == [Verdict.STOP]
    assert findings[0].title == f"The same {length} calls with the same results, 5 times round"


@pytest.mark.parametrize("calls", ["ab", "abc", "abcd"])
def test_a_circle_is_one_finding_as_grave_as_what_was_found_of_its_calls(calls: str) -> None:
    script = Script()
    for tool in calls * 6:  # to repeat one of them is soon worth a word, the others are clicks
        script.call(tool, {"q": 1}, "ok" if tool != "a" else "a text of some length, as it stands", changed=False)

    (circle,) = found(script.spans)

    assert (circle.verdict, circle.title[:14], circle.title[-13:]) == (
        Verdict.STOP,
        f"The same {len(calls)} cal",
        "6 times round",
    )


def test_a_tool_that_fails_alike_for_arguments_that_hardly_differ_is_told_but_not_stopped() -> None:
    script = Script()
    for number in range(8):
        script.call("search", {"query": f"population of the town of Ulm in {1990 + number}"}, "No results found.")

    (finding,) = found(script.spans)

    assert finding.verdict is Verdict.NUDGE
    assert finding.title == "search failed in the same way 8 times with hardly different arguments"


def _polling(outcomes: Sequence[str]) -> Script:
    script = Script()
    for outcome in outcomes:
        script.call("bash", "sleep 10; ./job status", outcome)
    return script


def _again_after_edits() -> Script:
    script = Script()
    for number in range(10):
        script.call("bash", "pytest -q", "1 failed in the test of the parser: expected 3 and got 4", is_error=True)
        script.call("edit_file", {"path": "a.py", "new": f"{number}"}, "done")
    return script


def _paging() -> Script:
    script = Script()
    for number in range(20):
        script.call("read_file", {"path": "a.py", "offset": number * 100}, "the same line again and again " * 9)
    return script


def _read_again_after_writing() -> Script:
    script = Script()
    for number in range(8):
        script.call("bash", "cat notes.md", "nothing in here yet, apart from this line of text")
        script.call("bash", f"echo {number} >> log.txt", "")
    return script


def _runs_of_a_changed_tree() -> Script:
    script = Script()
    for _ in range(8):
        script.call("bash", "make format", "all files were formatted, and nothing else is to be said", changed=True)
    return script


def _clicks() -> Script:
    script = Script()
    for _ in range(7):
        script.call("browser_click", {"selector": "#next"}, "clicked")
    return script


def _different_questions() -> Script:
    script = Script()
    for name in "abcdefgh":
        script.call("read_file", {"path": f"src/{name * 3}/{name}.py"}, "Error: no such file", is_error=True)
    return script


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(_polling(["pending"] * 15 + ["done"]), id="polling"),
        pytest.param(_polling([f"{number} of 50 done" for number in range(40)]), id="polling-with-progress"),
        pytest.param(_again_after_edits(), id="tests-after-edits"),
        pytest.param(_paging(), id="paging"),
        pytest.param(_read_again_after_writing(), id="reading-after-writing"),
        pytest.param(_runs_of_a_changed_tree(), id="somebody-saw-a-change"),
        pytest.param(_different_questions(), id="different-questions"),
    ],
)
def test_this_is_no_loop(script: Script) -> None:
    assert verdict(script) in {None, Verdict.NOTE}


def test_a_click_that_says_little_may_have_moved_things_and_is_only_noted() -> None:
    assert verdict(_clicks()) is Verdict.NOTE


def test_polling_for_ever_is_a_loop() -> None:
    assert verdict(_polling(["pending"] * 60)) is Verdict.STOP


def test_two_agents_that_ask_the_same_are_no_loop() -> None:
    script = Script()
    for agent in "abcdefgh":
        script.call(agent=agent)

    assert verdict(script) is None


def test_calls_made_beside_each_other_are_no_retries() -> None:
    at_once = [
        Observed(f"{number}", None, SpanKind.TOOL, "read", 0, SECOND_NS + number, input="a", output="b" * 50)
        for number in range(8)
    ]

    assert found(at_once) == ()


def test_a_model_that_says_the_same_again_and_again_is_stopped() -> None:
    script = Script()
    for _ in range(6):
        script.say("I have done all that you asked for. Is there anything else that I can do for you?")

    (finding,) = found(script.spans, AnswerLoop)

    assert finding.verdict is Verdict.STOP
    assert finding.title == "The model gave the same answer 6 times in a row"
    assert finding.waste.tokens == 500


def test_short_answers_and_answers_with_work_between_are_no_loop() -> None:
    script = Script()
    for _ in range(8):
        script.say("yes").say("All right, I am going to look at the next file on the list now.").call()

    assert found(script.spans, AnswerLoop) == ()


QUESTIONS = ("US Survivor winners born in May", "Survivor US winners born in May", "which US Survivor winners were born in May",
             "US winners of Survivor born in May", "list US Survivor winners born in May", "US Survivor winners, born May")  # fmt: skip
FOUND = "Survivor winners: the 50 people who have won the programme, season by season, without dates of birth."


@pytest.mark.parametrize("echo", ["", "Results for '{}': "])
def test_one_question_in_other_words_that_brings_the_same_is_a_loop(echo: str) -> None:
    script = Script()
    for question in QUESTIONS:
        script.call("web_search", {"query": question}, echo.format(question) + FOUND)

    (finding,) = found(script.spans)

    assert finding.title == "web_search was asked 6 times in other words and brought the same"
    assert finding.verdict is Verdict.NUDGE
    assert len(finding.span_ids) == 6


def test_a_list_gone_through_by_number_other_results_and_other_questions_are_no_rephrasing() -> None:
    by_date, other_results, others = Script(), Script(), Script()
    for number, question in enumerate(QUESTIONS):
        by_date.call("search_flights", {"from": "SFO", "to": "JFK", "date": f"2026-05-{number + 10}"}, FOUND)
        other_results.call("web_search", {"query": question}, f"{FOUND} Page of season {number}")
        others.call(
            "web_search", {"query": f"{question[number * 3 :]} quite another thing {'abc' * number}"}, FOUND[number:]
        )

    assert [verdict(script) for script in (by_date, other_results, others)] == [None, None, None]


def test_a_retriever_only_reads_whatever_its_name() -> None:
    script = Script()
    for words in (
        "motor warranty period",
        "warranty period motor",
        "period of motor warranty",
        "motor warranty: period",
    ):
        script._add(Observed("", None, SpanKind.RETRIEVER, "vector_store", input=words, output=FOUND))

    assert verdict(script) is Verdict.NOTE


def test_the_same_wall_before_the_same_page_is_one_call_whatever_its_fragment_and_its_id() -> None:
    script = Script()
    for number in range(6):
        wall = f"Just a moment... Enable JavaScript and cookies to continue. Ray ID: 8f{number}c2a91bd{number}e7 08:1{number}:44"
        script.call("visit_page", {"url": f"https://example.org/paper#p{number}"}, wall)

    assert verdict(script) is Verdict.STOP
