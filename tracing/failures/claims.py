"""What an agent says of its own success, what its own tests said, and what somebody else established. Reads one span at a time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tracing.failures.answers import Answer, answer, answered, command_of, commands, decoded
from tracing.failures.observed import Observed, once
from tracing.span import AttributeValue, JsonValue, SpanKind
from tracing.words import cut, plain

_FINISHERS = re.compile(
    r"(?:finish|submit(?:_?(?:work|solution|patch|task))?|attempt_completion|(?:complete|finish|end)_?task|task_?(?:complete|done|finished)|mark_?(?:as_)?(?:complete|done))",
    re.IGNORECASE,
)
_NOT_DONE = {
    "blocked",
    "failed",
    "failure",
    "error",
    "incomplete",
    "partial",
    "aborted",
    "stuck",
    "in_progress",
    "cancelled",
    "infeasible",
}
_SENTENCE_CHARS = 400
_LOOKED_AT = 6_000  # claims stand at the end
TESTS = re.compile(
    r"\b(?:all|every)\b[^.\n!?;:]{0,60}?\b(?:tests?|checks?|specs|suite)\b[^.\n!?;:]{0,30}?\b(?:pass(?:es|ed|ing)?|succeed(?:s|ed)?|are (?:now )?green)\b"
    r"|\b(?:the |full |whole )?(?:tests?|test suite|checks) (?:(?:are|is) )?(?:now |all )(?:pass(?:es|ed|ing)?|green)\b"
    r"|\btests? (?:pass|passed|are passing|are green)\b",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:have|has been|is|was|are|were|'ve|\u2019ve|I) (?:now |all |been )*(?:(?:successfully|correctly) (?:\w+ed|done|built|written)"
    r"|(?:\w+ed|done|built|made|written) successfully)\b"
    r"|^\W*successfully (?:implemented|fixed|resolved|completed|finished)\b"
    r"|\b(?:task|fix|implementation|feature|issue|bug|story|work|change) (?:is|has been|was) (?:now )?(?:fully )?(?:complete|completed|done|finished|fixed|resolved|implemented)\b"
    r"|\bI(?:'ve|\u2019ve| have) (?:now )?(?:completed|implemented|fixed|resolved|finished)\b"
    r"|\beverything (?:now )?(?:works|passes)\b",
    re.IGNORECASE | re.MULTILINE,
)
_HOPED = re.compile(
    r"\b(?:if|once|until|unless|before|whether|when|should|shall|will|would|could|might|may|not|no|cannot|let me|let's|let\u2019s|"
    r"make sure|ensure|verify|check|confirm|see|hopefully|expect|want|need|so that|how|to (?:make|get|see|be|have|let))\b|n['\u2019]t\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claim:
    """`about_tests`: it says that tests pass, in so many words."""

    span_id: str
    words: str
    about_tests: bool


def claim_of(span: Observed) -> Claim | None:
    """What a model's turn, or a call that ends the work, claims; the strongest of it."""
    if span.kind is SpanKind.TOOL:
        return _finishing(span.span_id, span.name, span.input) or _submitting(span)
    if span.kind is not SpanKind.LLM:
        return None
    said = answered(span)
    finished = next(
        (found for call in said.calls if (found := _finishing(span.span_id, call.name, call.arguments))), None
    )
    return finished or _said(span.span_id, said)


def _finishing(span_id: str, name: str, arguments: JsonValue) -> Claim | None:
    if not _FINISHERS.fullmatch(name.strip().rsplit("__", 1)[-1]):
        return None
    given = decoded(arguments)
    fields: Mapping[str, JsonValue] = given if isinstance(given, Mapping) else {}
    if str(fields.get("status", "")).lower() in _NOT_DONE or fields.get("success") is False:
        return None
    texts = [given] if isinstance(given, str) else [value for value in fields.values() if isinstance(value, str)]
    text = "\n".join(texts)[:_LOOKED_AT]
    status = f"status={fields['status']}" if fields.get("status") else ""
    return Claim(span_id, f"success: {name}({status})", about_tests=bool(sentence(TESTS, text)))


def _submitting(span: Observed) -> Claim | None:
    """Some agents end by a command (SWE-agent, mini-swe-agent)."""
    command = command_of(span)
    if "SUBMIT_FINAL_OUTPUT" in command or command.strip() == "submit":
        return Claim(span.span_id, "that it is done, by submitting its work", about_tests=False)
    return None


def _said(span_id: str, said: Answer) -> Claim | None:
    text = said.text[-_LOOKED_AT:]
    if about_tests := sentence(TESTS, text):
        return Claim(span_id, f'"{about_tests}"', about_tests=True)
    if done := ("" if said.calls else sentence(_DONE, text)):  # with a call beside it, it speaks of a step
        return Claim(span_id, f'"{done}"', about_tests=False)
    return None


def sentence(wanted: re.Pattern[str], text: str) -> str:
    """The last sentence that claims it; one that hopes for it, plans it or denies it does not."""
    for found in reversed(list(wanted.finditer(text))):
        start = max(text.rfind(mark, 0, found.start()) for mark in (". ", "\n", "! ", "? ", "; ")) + 1
        rest = re.search(r"[.\n!?]", text[found.end() :])
        end = found.end() + (rest.end() if rest else len(text))
        sentence = text[start:end].strip()
        if (
            len(sentence) <= _SENTENCE_CHARS
            and not _HOPED.search(text[start : found.end()])
            and not sentence.endswith("?")
        ):
            return cut(plain(sentence), 120)
    return ""


_RUNNER = re.compile(
    r"(?:[A-Za-z_]\w*=\S*\s+)*(?:(?:timeout\s+\S+|time|npx|bunx|uv run|poetry run|pipenv run|bundle exec|xvfb-run|sudo)\s+)*(?:[\w./~-]*/)?"
    r"(?:pytest|py\.test|tox|nox|jest|vitest|mocha|rspec|phpunit|ctest|runtests\.py|gotestsum|bin/test"
    r"|python[\d.]*\s+(?:-\w\s+)*-m\s+(?:pytest|unittest|nose2?|django\s+test)|python[\d.]*\s+(?:-\w+\s+)*\S*(?:runtests|run_tests|bin/test|manage\.py\s+test)\S*"
    r"|(?:npm|yarn|pnpm|bun)\s+(?:run\s+)?test|go\s+test|cargo\s+(?:nextest|test)|(?:mvn|\./mvnw|gradle|\./gradlew)\b.*\b(?:test|check|verify)|dotnet\s+test"
    r"|make\s+(?:-\S+\s+)*(?:test|check)|mix\s+test|swift\s+test|deno\s+test)(?=$|[\s:])"
)
_TEST_TOOL = re.compile(r"(?:run_?)?(?:unit_?)?tests?|execute_?tests?|pytest|test_?runner", re.IGNORECASE)
_SOME_RED = re.compile(r"[1-9](?<!\w.)\d* (?:failed|failures?|errors?|failing)\b")
_RED = re.compile(
    r"FAILED \((?:failures|errors)=|\btest result: FAILED|^(?:--- )?FAIL\b|\bTests:\s+[1-9]\d* failed"
    r"|(?:Failures|Errors): [1-9]|\bBUILD FAILURE\b|^ERROR: (?:not found|file or directory)",
    re.MULTILINE,
)
_RED_WORDS = ("FAIL", "failed", "Failures", "ERROR", "Errors")  # without all of them it need not be looked for
_SOME_GREEN = re.compile(r"[1-9](?<!\w.)\d* (?i:passed|passing)\b")
_GREEN = re.compile(
    r"^OK(?: \(.*\))?\s*$|\btest result: ok|^ok\s+\S+\s+[\d.(]|\bTests:\s+[1-9]\d* passed|Tests run: [1-9]\d*, Failures: 0, Errors: 0"
    r"|\bBUILD SUCCESS|\ball tests passed\b",
    re.MULTILINE | re.IGNORECASE,
)


def tested(span: Observed) -> bool | None:
    """What the agent's own test run said: green or red; None where it ran none, or nobody can tell."""
    if span.kind is not SpanKind.TOOL or not runs_tests(span):
        return None
    text = _tail(span.output)
    if _SOME_RED.search(text) or (any(word in text for word in _RED_WORDS) and _RED.search(text)):
        return False
    if _SOME_GREEN.search(text) or _GREEN.search(text):
        return True
    hides = "|" in command_of(span)  # the exit code is another program's
    return None if span.exit_code is None or hides else span.exit_code == 0


@once
def runs_tests(span: Observed) -> bool:
    command = command_of(span)
    if command:
        return any(_RUNNER.match(part) for part in commands(command))
    return bool(_TEST_TOOL.fullmatch(span.name))


def _tail(output: JsonValue) -> str:
    """The end of what came out: summaries stand there."""
    if isinstance(output, Mapping):
        output = "\n".join(str(value) for value in output.values())
    if isinstance(output, list):
        output = answer(output).text
    return output[-4_000:] if isinstance(output, str) else ""


_LABELS = {"pass": True, "passed": True, "correct": True, "success": True, "true": True, "yes": True} | {
    "fail": False, "failed": False, "incorrect": False, "failure": False, "false": False, "no": False, "rejected": False,
}  # fmt: skip
_VERDICTS = ("ralph.check.passed", "evaluation.passed", "eval.passed", "passed", "test.case.result.status")
_EVALUATIONS = ("gen_ai.evaluation.score.label", "evaluation.label", "eval.label", "label")
_SCORES = ("gen_ai.evaluation.score.value", "evaluation.score", "eval.score", "score")


def judged(span: Observed) -> bool | None:
    """What an evaluator, a check or a verification said; None where it said neither yes nor no."""
    for names in (_VERDICTS, _EVALUATIONS, _SCORES):
        for name in names:
            if (found := _verdict(span.attributes.get(name))) is not None:
                return found
    if isinstance(span.output, Mapping):
        return next(
            (found for key in ("passed", "label", "score") if (found := _verdict(span.output.get(key))) is not None),
            None,
        )
    if span.kind is SpanKind.EVALUATOR and span.exit_code is not None:
        return span.exit_code == 0
    return None


def _verdict(value: AttributeValue | JsonValue) -> bool | None:
    """Of a score only its ends tell: what lies between is a matter of taste."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in {0, 1} else None
    return _LABELS.get(value.strip().lower()) if isinstance(value, str) else None
