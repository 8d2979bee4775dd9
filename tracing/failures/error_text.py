"""Whether a tool's result is an error, also where nobody marked it as one.

Only what a result *is* counts, not what it mentions: a log, a page or source code that contains the word is content. So a text
is an error where it begins as one, or is short and says little else; a shell's exit code decides alone, where it is known.
"""

import re
from collections.abc import Mapping

from tracing.failures.observed import Observed, once
from tracing.failures.result_text import LOOKED_AT_CHARS, brought, brought_text, exit_code, is_shell, lines_of, text_of
from tracing.span import JsonValue
from tracing.words import cut, plain

_WORDS_CHARS = 160
_SHORT_CHARS = 400  # a result that is a message rather than content
_MIDDLING_CHARS = 4_000
_FEW_KEYS = 6

_BEGINS = re.compile(
    r"""\W{0,6}(?:
      Traceback\ \(most\ recent\ call\ last\)
    | (?:[A-Z]\w*\.)*[A-Z]\w*(?:Error|Exception)\s*[:(]              # ValueError: ..., net.TimeoutException(
    | (?:an?\ |the\ |tool\ |unexpected\ |internal\ |unknown\ |fatal\ |http\ |api\ |server\ |runtime\ |execution\ )*
      (?:error|exception|fatal)\b(?:\ (?:in|while|when|from|occurred|code|at|\d{3}|`[^`]*`|'[^']*'|\w+ing))*\s*[:!]
    | an?\ (?:\w+\ )?(?:error|exception)\ (?:has\ )?occurred
    | code\ execution\ failed
    | (?:http|status|error)[ /:]*(?:\d\.\d\ )?(?:status|error|code)?[ :]*[45]\d\d\b
    | [45]\d\d\ (?:bad\ request|unauthorized|payment\ required|forbidden|not\ found|method\ not\ allowed|request\ timeout|
      too\ many\ requests|internal\ server\ error|bad\ gateway|service\ unavailable|gateway\ time-?out|client\ error|server\ error)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_SAYS = re.compile(
    r"""^\W{0,6}(?:failed\ to|unable\ to|could\ not|cannot|can't|access\ denied|unauthorized|forbidden|permission\ denied|
      timed?\ ?out|timeout|page\ not\ found|element\ not\ found|invalid\ (?:api|argument|input|parameter|request|token|credentials)|
      missing\ required|unknown\ (?:tool|function|command|action))\b
    | \b(?:command\ not\ found|no\ such\ file\ or\ directory|permission\ denied|connection\ (?:refused|reset|timed\ out|error)|
      rate\ limit(?:ed|\ exceeded|\ reached)|too\ many\ requests|quota\ exceeded|internal\ server\ error|bad\ gateway|service\ unavailable|
      gateway\ time-?out|invalid\ api\ key|timeout\ \d+\s?ms\ exceeded|net::ERR_\w+|authentication\ (?:failed|required))\b""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_HTML_TITLE = re.compile(
    r"<title>\s*((?:error\s*)?[45]\d\d\b[^<]{0,80}|(?:error|access denied|page not found|forbidden)[^<]{0,80})",
    re.IGNORECASE,
)
_ENVIRONMENT = re.compile(
    r"""command\ not\ found|No\ such\ file\ or\ directory|Permission\ denied|Operation\ not\ permitted|Read-only\ file\ system|
      No\ space\ left|ModuleNotFoundError|No\ module\ named|cannot\ import\ name|can't\ open\ file|not\ a\ git\ repository|
      Connection\ (?:refused|reset|timed\ out)|Could\ not\ resolve\ host|Name\ or\ service\ not\ known|Temporary\ failure\ in\ name|
      Network\ is\ unreachable|Cannot\ allocate\ memory|Could\ not\ find\ a\ version|is\ not\ recognized\ as|
      FileNotFoundError|PermissionError|ConnectionError|Unable\ to\ locate\ package|\b(?:401|403|429|502|503)\ \w+""",
    re.VERBOSE | re.IGNORECASE,
)
_READING = frozenset(
    [
        "cat",
        "less",
        "more",
        "head",
        "tail",
        "grep",
        "rg",
        "sed",
        "awk",
        "nl",
        "find",
        "ls",
        "git",
        "diff",
        "jq",
        "journalctl",
        "zcat",
    ]
)


@once
def error_in(span: Observed) -> str:
    """The error in one line; "" where the result is none."""
    if span.is_error:
        return _line(span.error) or _told(span) or "it failed and said nothing"
    code = exit_code(span)
    if code is not None:
        return "" if code == 0 else _told(span) or f"exit code {code}"
    data = brought(span)
    if isinstance(data, Mapping):
        return _of_object(data)
    if isinstance(data, list):
        return ""
    return _of_shell(span) if is_shell(span.name) else _of_text(brought_text(span)[:LOOKED_AT_CHARS])


def is_unmarked(span: Observed) -> bool:
    """Whether an error came as a success: nobody marked the span, and no exit code says it."""
    return not span.is_error and exit_code(span) is None and bool(error_in(span))


def environment_error(error_and_output: str) -> str:
    """The line that says that the surroundings failed (a missing file, module, right, network), and not the program's own verdict."""
    found = _ENVIRONMENT.search(error_and_output[:LOOKED_AT_CHARS])
    if found is None:
        return ""
    start = error_and_output.rfind("\n", 0, found.start()) + 1
    return _line(error_and_output[start:].partition("\n")[0])


def _told(span: Observed) -> str:
    """The line of a failed result that says most: a message at its beginning, else its last."""
    lines = lines_of(brought_text(span)[-LOOKED_AT_CHARS:])
    if not lines:
        return ""
    return _line(lines[0] if _begins_as_error(lines[0]) and "Traceback" not in lines[0] else lines[-1])


def _of_object(data: Mapping[str, JsonValue]) -> str:
    for key in ("error", "errors", "exception", "Error", "error_message"):
        if isinstance(told := data.get(key), str | dict | list | bool) and told:
            return _line(_message(told) or key)
    failed = any(data.get(key) is False for key in ("success", "ok")) or data.get("isError") is True
    if failed or (len(data) <= _FEW_KEYS and _status_is_bad(data)):
        said = next(
            (value for key in ("message", "detail", "reason", "title") if isinstance(value := data.get(key), str)), ""
        )
        return _line(said or text_of(dict(data)))
    return ""


def _status_is_bad(data: Mapping[str, JsonValue]) -> bool:
    status = next((data[key] for key in ("status", "statusCode", "status_code", "code") if key in data), None)
    if isinstance(status, str):
        return status.lower() in {"error", "failed", "failure"}
    return isinstance(status, int) and not isinstance(status, bool) and 400 <= status < 600


def _message(told: JsonValue) -> str:
    if isinstance(told, list):
        return _message(told[0]) if told else ""
    if isinstance(told, dict):
        return next(
            (value for key in ("message", "detail", "type") if isinstance(value := told.get(key), str)), text_of(told)
        )
    return told if isinstance(told, str) else ""


def _of_text(text: str) -> str:
    if page := _HTML_TITLE.search(text[:2_000]):
        return _line(page[1])
    lines = lines_of(text[:_MIDDLING_CHARS])
    if not lines:
        return ""
    if len(text) <= _MIDDLING_CHARS and _begins_as_error(lines[0]):
        return _line(lines[-1] if "Traceback" in lines[0] else lines[0])
    short = len(text) <= _SHORT_CHARS and len(lines) <= 5
    return _line(lines[0]) if short and any(_SAYS.search(line) for line in lines) else ""


def _of_shell(span: Observed) -> str:
    """No exit code known: an error is what the output ends with, unless the command only shows what a file says."""
    if _only_reads(text_of(span.input)[:LOOKED_AT_CHARS]):
        return ""
    lines = lines_of(brought_text(span)[-LOOKED_AT_CHARS:])
    if not lines:
        return ""
    raised = any(line.startswith("Traceback (most recent") for line in lines) and re.match(
        r"[\w.]*(?:Error|Exception)\b", lines[-1]
    )
    short = sum(map(len, lines)) <= _SHORT_CHARS and (_begins_as_error(lines[0]) or environment_error(lines[-1]))
    return _line(lines[-1]) if raised or short or _begins_as_error(lines[0]) else ""


def _begins_as_error(line: str) -> bool:
    return bool(_BEGINS.match(line[:_SHORT_CHARS]))


def _only_reads(command: str) -> bool:
    named = re.search(r'"(?:command|cmd|code|script)"\s*:\s*"([^"]*)', command)
    first = re.search(r"[\w.-]+", named[1] if named else command)
    return first is not None and first[0] in _READING


def _line(text: str) -> str:
    return cut(plain(text[:_MIDDLING_CHARS]), _WORDS_CHARS)
