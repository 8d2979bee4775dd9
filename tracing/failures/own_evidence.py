"""What an agent says against what its own trace shows: a deed that failed, a program that broke off, tests that nobody ran.

Only the newest deed and the newest call count: who tried again and got through has mended it. Who names the trouble is honest, whatever
else the answer says. Knows nothing of checks and evaluators; those are weighed in `contradicted_claim`.
"""

import re
from dataclasses import dataclass

from tracing.failures.answers import answered, command_of, decoded
from tracing.failures.calls import reads_like_an_error, text_of
from tracing.failures.claims import TESTS, runs_tests, sentence
from tracing.failures.observed import Observed
from tracing.failures.state_change import Effect, effect_of, guessed, of_shell
from tracing.failures.terms import leaves
from tracing.span import SpanKind

LEAST_CALLS = 3  # a trace with fewer may simply not show what was run
_LOOKED_AT = 4_000
_SHORT_CHARS = 400  # of a result that is a message

_DEED_DONE = re.compile(
    r"\b(?:is|are|was|were|(?:has|have) (?:now |just )?been|I(?:'ve|\u2019ve| have)?)\s(?:now |all |both |just )*(?:successfully )?"
    r"(?:booked|confirmed|cancel+ed|updated|changed|modified|sent|created|processed|refunded|issued|submitted|placed|scheduled|deleted"
    r"|removed|added|saved|stored|uploaded|moved|charged|credited|rebooked|rescheduled|deployed|published|merged|transferred|returned|exchanged|paid|upgraded|applied|registered|assigned)\b"
    r"|\bsuccessfully \w+ed\b",
    re.IGNORECASE,
)
_SOUND = re.compile(
    TESTS.pattern
    + r"|\b(?:all|every|each|the (?:full |whole )?)[^.\n!?;:]{0,20}?\b(?:tests?|suite)\b[^.\n!?;:]{0,40}?\b(?:is|are|came out|came back) (?:all |now )?green\b"
    + r"|\b(?:free of|without)(?: any)? (?:errors?|bugs?|failures?|problems?)\b|\b(?:runs?|works?|executes?) (?:successfully|correctly|as expected)\b",
    re.IGNORECASE,
)
_ADMITS = re.compile(
    r"\b(?:unable|sorry|apologi[sz]e|unfortunately|fail(?:s|ed|ure|ing)?|could ?n[o'\u2019]t|cannot|can['\u2019]t|not possible|declined"
    r"|insufficient|however|except|did ?n[o'\u2019]t|traceback|rejected|instead|(?:an|the|this|with) (?:error|problem|issue))\b",
    re.IGNORECASE,
)
_BROKE_OFF = re.compile(
    r"^Traceback \(most recent|\bno tests ran\b|\b[1-9]\d* errors? during collection\b|^\s*(?:\w+\.)*\w*(?:Error|Exception)\b[:\s]|\bpanicked at\b|^npm ERR!|^BUILD FAIL|^Segmentation fault",
    re.MULTILINE,
)
_UNDONE = re.compile(
    r"\bnothing (?:was|has been) (?:\w+ed|sent|done|paid)\b|\b(?:was |were |has been )?not (?:been )?(?:carried out|processed|stored|saved|sent"
    r"|booked|submitted|placed|applied|uploaded|changed|updated|completed|executed)\b"
    r"|\b(?:upload|payment|booking|transfer|exchange|refund|order|delivery|deployment)\b[^.\n:;]{0,40}\b(?:failed|declined|rejected|refused)\b",
    re.IGNORECASE,
)
_TELLS = re.compile(  # the user something: an answer in the form of a call
    r"respond|reply|answer|final_?answer|say|(?:respond|reply|send_?message|message|talk)_?(?:to_?)?(?:the_?)?(?:user|customer|caller)",
    re.IGNORECASE,
)
_RUNS = re.compile(r"bash|shell|terminal|command|exec|execute|run|python|ipython|interpreter|code|notebook|test|check|verify|validate|lint|build|agent|task", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True)
class Against:
    """A claim of `claim_id`, and the call that says otherwise (None: the call that is missing)."""

    claim_id: str
    words: str
    title: str
    but: str
    call: Observed | None


class OwnEvidence:
    """Follows one trace; `against` is what stands against the agent's newest claim, if nothing has mended it."""

    def __init__(self) -> None:
        self.against: Against | None = None
        self._failed_deed: Observed | None = None
        self._broke_off: Observed | None = None
        self._calls = 0
        self._may_have_tested = False

    def ended(self, span: Observed) -> None:
        if span.kind is SpanKind.TOOL and not _TELLS.fullmatch(span.name):
            self._called(span)
        elif span.kind is SpanKind.LLM:
            self._said(span)

    def _called(self, span: Observed) -> None:
        self._calls += 1
        self._may_have_tested |= _may_test(span)
        result = text_of(span.output)[:_LOOKED_AT]
        failed = span.is_error or bool(span.exit_code) or reads_like_an_error(result)
        result = f"{span.error[:_LOOKED_AT]}\n{result}"
        if failed and (_is_deed(span) or _says_undone(span, result)):
            self._failed_deed = span
        elif not failed and effect_of(span, failed=False) is not Effect.READS:
            self._failed_deed = None  # done after all, perhaps in another way
        self._broke_off = span if failed and _runs_a_program(span) and _BROKE_OFF.search(result) else None
        if self.against is not None and not failed:
            self.against = None

    def _said(self, span: Observed) -> None:
        given = answered(span)
        told = ["\n".join(leaves(decoded(call.arguments))) for call in given.calls if _TELLS.fullmatch(call.name)]
        text = "\n".join([given.text, *told])[-_LOOKED_AT:].strip()
        if len(told) < len(given.calls) or not text:
            return
        self.against = self._weigh(span.span_id, text)

    def _weigh(self, claim_id: str, text: str) -> Against | None:
        sound = sentence(_SOUND, text)
        if sound and self._broke_off is not None and not _ADMITS.search(text):
            return Against(claim_id, sound, "Says that it works, but the last program it ran broke off", "The newest call before it failed", self._broke_off)  # fmt: skip
        if self._failed_deed is not None and (done := sentence(_DEED_DONE, text)) and not _ADMITS.search(text):
            return Against(claim_id, done, f"Says that it is done, but {self._failed_deed.name} failed", "The call that should have done it failed, and nothing did it afterwards", self._failed_deed)  # fmt: skip
        if self._calls >= LEAST_CALLS and not self._may_have_tested and (passed := sentence(TESTS, text)):
            return Against(claim_id, passed, "Says that tests pass, but ran none", f"None of its {self._calls} calls ran a test, or any program", None)  # fmt: skip
        return None


def _is_deed(span: Observed) -> bool:
    """Whether the tool's name says that it changes something in the world; what a shell does is not known so well."""
    return not command_of(span) and guessed(span.name, None) is Effect.CHANGES


def _says_undone(span: Observed, result: str) -> bool:
    """Whether a failed call tells itself what has not been done, whatever its tool is called."""
    return not command_of(span) and len(result) <= _SHORT_CHARS and bool(_UNDONE.search(result))


_COMMAND_CHARS = 1_000  # of a command: what it runs stands at its beginning


def _runs_a_program(span: Observed) -> bool:
    command = command_of(span)
    return runs_tests(span) or (
        bool(command) and (of_shell(command[:_COMMAND_CHARS]) is not Effect.READS or not _is_shell(span))
    )


def _is_shell(span: Observed) -> bool:
    return bool(re.search(r"bash|shell|terminal|command|cmd|exec|run", span.name, re.IGNORECASE))


def _may_test(span: Observed) -> bool:
    """Whether the call may have run tests, as far as anybody can tell: not if it only reads, or edits a file."""
    command = command_of(span)
    if command:
        return runs_tests(span) or not _is_shell(span) or of_shell(command[:_COMMAND_CHARS]) is not Effect.READS
    return bool(_RUNS.search(span.name)) or guessed(span.name, None) is Effect.UNSURE
