"""Failures put into clean runs, at a place that a seed chooses: what detectors must find, where nature has too few of them.

Each function takes a run and returns it with the failure in it, in time order, or None where the run has no place for it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeAlias

from tests.failures.inject_context import CONTEXT_INJECTIONS
from tracing.failures.observed import Observed, StopReason
from tracing.failures.state_change import Effect, effect_of
from tracing.span import JsonValue, SpanKind

Run: TypeAlias = Sequence[Observed]
Injected: TypeAlias = list[Observed] | None

STEP_NS = 1_000_000_000


def in_time(spans: Iterable[Observed]) -> list[Observed]:
    """One after another, with ids of their own: what was put in takes its place in time."""
    times = Counter[str]()
    ordered = []
    for place, span in enumerate(spans):
        times[span.span_id] += 1
        own = f"{span.span_id}-{place}" if times[span.span_id] > 1 else span.span_id
        at_ns = 2 * place * STEP_NS
        ordered.append(replace(span, span_id=own, started_at_ns=at_ns, ended_at_ns=at_ns + STEP_NS))
    return ordered


def _turn(number: int, tool: str, arguments: JsonValue, **answer: object) -> Observed:
    said: JsonValue = [{"type": "tool_use", "name": tool, "input": arguments}]
    span = Observed(
        f"injected-turn-{number}", None, SpanKind.LLM, "model", output=said, input_tokens=9_000, output_tokens=60
    )
    return replace(span, **answer)  # type: ignore[arg-type]  # fields by name


def _call(number: int, tool: str, arguments: JsonValue, output: JsonValue, *, is_error: bool = False) -> Observed:
    return Observed(
        f"injected-call-{number}", None, SpanKind.TOOL, tool, is_error=is_error, input=arguments, output=output
    )  # fmt: skip


def _noise(random: Random) -> Callable[[], str]:
    """What differs between two runs of one command though nothing happened: one kind of it, new each time."""
    kinds: Sequence[Callable[[], str]] = (
        lambda: "",
        lambda: f"ran in {random.uniform(0.1, 99):.2f}s",
        lambda: (
            f"finished at 2026-11-{random.randint(10, 28)} 07:{random.randint(10, 59)}:{random.randint(10, 59)}.{random.randint(100, 999)}"
        ),
        lambda: f"object at 0x{random.getrandbits(44) | 1 << 43:x}",
        lambda: f"pid {random.randint(2, 99_999)}",
        lambda: f"request req_{random.getrandbits(60) | 1 << 59:016x}0",
        lambda: f"wrote /tmp/tmp{random.getrandbits(32):08x}/log.txt",
    )
    return random.choice(kinds)


def _place(run: Run, random: Random) -> int:
    """Behind a call, so that a turn and its call stay together."""
    calls = [place for place, span in enumerate(run) if span.kind is SpanKind.TOOL]
    return random.choice(calls) + 1 if calls else len(run)


def _into(run: Run, random: Random, what: Iterable[Observed]) -> list[Observed]:
    place = _place(run, random)
    return in_time([*run[:place], *what, *run[place:]])


def _reads(random: Random) -> list[tuple[str, JsonValue, str]]:
    """Calls that change nothing: three agents' ways of reading."""
    name = random.choice(["parser", "models", "session", "billing"])
    return random.sample(
        [
            ("bash", f"grep -rn 'def {name}' src/", f"src/{name}.py:14:def {name}(line):\n    src/util.py:3:def {name}_of"),
            ("read_file", {"path": f"src/{name}.py"}, f"import re\n\n\nclass {name.title()}:\n    pass\n# loaded"),
            ("web_search", {"query": f"how to fix {name} error"}, f"1. {name} error explained, a forum\n2. {name} docs, section 4"),
            ("python_interpreter", {"code": f"print(len(open('{name}.txt').read()))"}, f"Execution logs of {name}:\n4711 characters"),
            ("get_order_details", {"order_id": f"#W{random.randint(1000, 9999)}"}, f'{{"status": "shipped", "buyer": "{name}"}} all fields'),
        ],
        k=4,
    )  # fmt: skip


def repeated_call(run: Run, random: Random) -> Injected:
    """One call 6 to 9 times with the same result but for noise; other reads stand between now and then."""
    (tool, arguments, output), other = _reads(random)[:2]
    noise = _noise(random)
    spans: list[Observed] = []
    for number in range(random.randint(6, 9)):
        spans += [_turn(number, tool, arguments), _call(number, tool, arguments, f"{output}\n{noise()}")]
        if random.random() < 0.3:
            spans.append(_call(100 + number, other[0], other[1], f"{other[2]} {number}"))
    return _into(run, random, spans)


def repeated_own_call(run: Run, random: Random) -> Injected:
    """The agent's own last reading call at some place, made 5 more times; arguments written a little differently."""
    reads = [
        place
        for place, span in enumerate(run)
        if _is_plain_read(span) and effect_of(span, failed=False) is Effect.READS
    ]
    if not reads:
        return None
    place = random.choice(reads)
    spans = []
    for number in range(random.randint(5, 7)):
        again = replace(run[place], span_id=f"injected-call-{number}", input=_rewritten(run[place].input, random))
        spans += [_turn(number, again.name, again.input), again]
    return in_time([*run[: place + 1], *spans, *run[place + 1 :]])


def _is_plain_read(span: Observed) -> bool:
    return span.kind is SpanKind.TOOL and not span.is_error


def _rewritten(arguments: JsonValue, random: Random) -> JsonValue:
    if isinstance(arguments, str):
        return arguments + random.choice(["", " ", "\n", "\n\n"])
    return arguments


def read_again(run: Run, random: Random) -> Injected:
    """Four different calls, and later the same four in another order, with nothing done between."""
    first = _reads(random)
    spans: list[Observed] = []
    for number, (tool, arguments, output) in enumerate([*first, *random.sample(first, k=4)]):
        spans += [_turn(number, tool, arguments), _call(number, tool, arguments, output)]
    return _into(run, random, spans)


def ping_pong(run: Run, random: Random) -> Injected:
    """Two to four calls round and round, 5 to 7 times, some of them perhaps acting."""
    lap = [
        *_reads(random),
        ("bash", "python reproduce.py", "AssertionError: 3 != 4 in reproduce.py, line 12, test_three"),
    ]
    random.shuffle(lap)
    lap = lap[: random.randint(2, 4)]
    noise = _noise(random)
    spans = []
    for number in range(random.randint(5, 7) * len(lap)):
        tool, arguments, output = lap[number % len(lap)]
        spans += [_turn(number, tool, arguments), _call(number, tool, arguments, f"{output} {noise()}")]
    return _into(run, random, spans)


_FAILURES: Sequence[tuple[str, JsonValue, str]] = (
    ("bash", "cd /testbed && pytest -q tests/test_api.py", "ModuleNotFoundError: No module named 'api'"),
    ("edit_file", {"path": "a.py", "old": "x = 1", "new": "x = 2"}, "Error: the old text was not found in a.py"),
    ("browser_click", {"selector": "#buy"}, "TimeoutError: waiting for selector #buy"),
    ("python_interpreter", {"code": "df = load('x.csv')"}, "NameError: name 'load' is not defined"),
    ("query_database", {"sql": "select * from orderz"}, 'ERROR: relation "orderz" does not exist'),
)


def identical_failure(run: Run, random: Random) -> Injected:
    """One call that fails in the same way 4 to 8 times, with errors marked as such or only worded so."""
    tool, arguments, output = random.choice(_FAILURES)
    marked, noise = random.random() < 0.5, _noise(random)
    spans: list[Observed] = []
    for number in range(random.randint(4, 8)):
        failed = _call(number, tool, arguments, f"{output}\n{noise()}", is_error=marked)
        spans += [_turn(number, tool, arguments), failed]
    return _into(run, random, spans)


def varied_failure(run: Run, random: Random) -> Injected:
    """One tool that fails in the same way 7 to 10 times while the arguments differ by a word."""
    tool, _, output = random.choice(_FAILURES)
    base = "fetch the list of all open orders of this customer"
    spans: list[Observed] = []
    for number in range(random.randint(7, 10)):
        arguments: JsonValue = {"query": f"{base} {random.choice(['now', 'please', 'again', 'in full'])} {number}"}
        spans += [_turn(number, tool, arguments), _call(number, tool, arguments, output, is_error=True)]
    return _into(run, random, spans)


def same_answer(run: Run, random: Random) -> Injected:
    """A model that says the same 4 to 8 times and calls nothing."""
    text = f"I have finished the {random.choice(['report', 'migration', 'search'])}. Is there anything else that I can do for you?"
    spans = [
        _turn(number, "", None, output=[{"type": "text", "text": text}]) for number in range(random.randint(4, 8))
    ]  # fmt: skip
    return _into(run, random, spans)


def cut_answers(run: Run, random: Random) -> Injected:
    """One to three answers cut off, said by the provider or only to be seen in the count."""
    said = random.choice([StopReason.MAX_TOKENS, StopReason.CONTEXT, StopReason.UNKNOWN])
    spans = [
        _turn(number, "write_file", {"path": "a.py"}, stop_reason=said, max_tokens=4_096, output_tokens=4_096)
        for number in range(random.randint(1, 3))
    ]
    return _into(run, random, spans)


def cut_answer_and_broken_calls(run: Run, random: Random) -> Injected:
    """A huge result, a cut answer, the broken call that it leaves, and an empty answer."""
    return _into(
        run, random,
        [
            _call(0, "read_file", {"path": "big.log"}, "line of a log\n" * 4_000),
            _turn(0, "write_file", {"path": "a.py"}, stop_reason=StopReason.MAX_TOKENS, output_tokens=8_000),
            _call(1, "write_file", '{"path": "a.py", "con', "invalid JSON in arguments: unterminated string", is_error=True),
            _turn(1, "", None, output=[], output_tokens=0),
        ],
    )  # fmt: skip


def retried_by_client(run: Run, random: Random) -> Injected:
    """A model call that the client tried 3 to 6 times: one retry is everyday."""
    errors = tuple(random.choice(["429 rate limit", "529 overloaded", "timeout"]) for _ in range(random.randint(2, 5)))
    return _into(run, random, [_turn(0, "bash", "ls", attempts=len(errors) + 1, attempt_errors=errors)])


def retried_in_spans(run: Run, random: Random) -> Injected:
    """The same question 2 to 6 times, each time with an error, then an answer."""
    failed = [
        _turn(number, "", None, input="what next?", output=None, is_error=True, error="503 service unavailable")
        for number in range(random.randint(2, 6))
    ]
    return _into(run, random, [*failed, _turn(99, "bash", "ls", input="what next?")])


def _later(run: Run, offset_s: float, length_s: float, span: Observed) -> Observed:
    """The span so long after the run's end, with a length of its own."""
    start_ns = max((one.ended_at_ns or 0 for one in run), default=0) + round(offset_s * STEP_NS)
    return replace(span, started_at_ns=start_ns, ended_at_ns=start_ns + round(length_s * STEP_NS))


def burst_of_agents(run: Run, random: Random) -> Injected:
    """45 to 240 agents within a minute, started by a tool, by a program in a shell, or side by side below another."""
    count, way = random.randint(45, 240), random.choice(["tool", "program", "beside"])
    made = [_later(run, 1, 300, Observed("injected-main", None, SpanKind.AGENT, "main"))]
    for number in range(count):
        at_s = 2 + number * 50 / count
        if way == "beside":
            span = Observed(f"injected-agent-{number}", "injected-main", SpanKind.AGENT, "explorer", input="explore")
        else:
            given: JsonValue = (
                {"prompt": f"part {number}"} if way == "tool" else {"command": f"claude -p 'part {number}'"}
            )
            span = Observed(
                f"injected-call-{number}", None, SpanKind.TOOL, "Task" if way == "tool" else "bash", input=given
            )
        made.append(_later(run, at_s, 100, span))
    return [*run, *made]


def tree_of_agents(run: Run, random: Random) -> Injected:
    """Agents that start agents, 5 to 8 levels deep; each calls a model first."""
    made, above = [_later(run, 1, 900, Observed("injected-0", None, SpanKind.AGENT, "main"))], "injected-0"
    for depth in range(1, random.randint(5, 8) + 1):
        said = Observed(
            f"injected-turn-{depth}", above, SpanKind.LLM, "model", output="On it.", input_tokens=500, output_tokens=20
        )
        agent = Observed(f"injected-{depth}", above, SpanKind.AGENT, f"helper {depth}")
        made += [_later(run, 10 * depth, 2, said), _later(run, 10 * depth + 3, 800 - 15 * depth, agent)]
        above = agent.span_id
    return [*run, *made]


_ERRORS_AS_TEXT = (
    "Limit reached", "Claude AI usage limit reached|1763770000", "You've hit your limit · resets 7pm (Europe/Berlin)",
    'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "Prompt is too long",
    "Credit balance is too low", "Internal server error", "Rate limit exceeded. Please try again in 20s.",
    "litellm.RateLimitError: quota", "Error code: 503 - service unavailable", '{"error": {"type": "overloaded_error"}}',
)  # fmt: skip


def error_as_answer(run: Run, random: Random) -> Injected:
    """A provider's error in the place of an answer, one to three times."""
    text = random.choice(_ERRORS_AS_TEXT)
    said: JsonValue = text if random.random() < 0.5 else [{"type": "text", "text": text}]
    spans = [_turn(number, "", None, output=said, output_tokens=0) for number in range(random.randint(1, 3))]
    return _into(run, random, spans)


def no_answer(run: Run, random: Random) -> Injected:
    """An empty answer, a made-up one, or a refusal; a model's turn follows."""
    kinds: Sequence[dict[str, object]] = (
        {"output": random.choice(["", [], [{"type": "text", "text": ""}]]), "output_tokens": 0},
        {"output": "No response requested.", "name": "<synthetic>", "output_tokens": 0},
        {"output": "", "stop_reason": StopReason.REFUSAL},
        {"output": "I'm sorry, but I can't assist with that."},
    )
    return _into(run, random, [_turn(0, "", None, **random.choice(kinds)), _turn(1, "bash", "ls")])


def contradicted(run: Run, random: Random) -> Injected:
    """A claim of success in words or by a call, and a judge who says no."""
    claims: Sequence[JsonValue] = (
        "All tests pass now.", "I have successfully implemented the change.", "The task is complete.",
        [{"type": "tool_use", "name": "finish", "input": {"status": "done", "summary": "Added it."}}],
    )  # fmt: skip
    judges = (
        Observed("injected-judge", None, SpanKind.EVALUATOR, "check tests", attributes={"ralph.check.passed": False}),
        Observed("injected-judge", None, SpanKind.CHAIN, "verify", output={"passed": False, "text": "failed: tests"}),
        Observed("injected-judge", None, SpanKind.EVALUATOR, "correct", attributes={"gen_ai.evaluation.score.label": "fail"}),
    )  # fmt: skip
    return in_time([*run, _turn(0, "", None, output=random.choice(claims)), random.choice(judges)])


def dear_turn(run: Run, random: Random) -> Injected:
    """Every turn costs a few cents, and one of them a dollar or more."""
    turns = [place for place, span in enumerate(run) if span.kind is SpanKind.LLM]
    if len(turns) < 12:
        return None
    guilty = random.choice(turns[9:])
    costs = {place: random.randint(20_000, 60_000) for place in turns} | {guilty: random.randint(1_000_000, 3_000_000)}
    return [replace(span, cost_micros=costs.get(place, 0)) for place, span in enumerate(run)]


def slow_turn(run: Run, random: Random) -> Injected:
    """One model call that takes two to ten minutes, where the others take a second."""
    turns = [span for span in run if span.kind is SpanKind.LLM]
    if len(turns) < 12:
        return None
    timed = in_time(run)
    last = max(place for place, span in enumerate(timed) if span.kind is SpanKind.LLM)
    slow = replace(
        timed[last], ended_at_ns=timed[last].started_at_ns + random.randint(120, 600) * STEP_NS, output_tokens=200
    )
    return [*timed[:last], slow]


INJECTIONS: dict[str, tuple[str, Callable[[Run, Random], Injected]]] = {
    "repeated call": ("retry_loop", repeated_call),
    "repeated own call": ("retry_loop", repeated_own_call),
    "read again": ("repeated_work", read_again),
    "ping-pong": ("retry_loop", ping_pong),
    "identical failure": ("retry_loop", identical_failure),
    "varied failure": ("retry_loop", varied_failure),
    "same answer": ("answer_loop", same_answer),
    "cut answers": ("token_exhaustion", cut_answers),
    "cut answer, then broken calls": ("token_exhaustion", cut_answer_and_broken_calls),
    "retried by the client": ("provider_retries", retried_by_client),
    "retried in spans": ("provider_retries", retried_in_spans),
    "burst of agents": ("sub_agents", burst_of_agents),
    "tree of agents": ("sub_agents", tree_of_agents),
    "error as an answer": ("silent_model_error", error_as_answer),
    "no answer": ("silent_model_error", no_answer),
    "contradicted claim": ("contradicted_claim", contradicted),
    "dear turn": ("cost_anomaly", dear_turn),
    "slow turn": ("latency_anomaly", slow_turn),
    **CONTEXT_INJECTIONS,
}
"""Kind of failure -> the detector that must find it, and the function that puts it in. Others add theirs here."""
