"""Whether a tool's result is an error, also where nobody marked it as one.

Only what a result *is* counts, not what it mentions: a log, a page or source code that contains the word is content. So a text
is an error where it begins as one, or is short and says little else; a shell's exit code decides alone, where it is known.
"""

import re
from collections.abc import Mapping

from tracing.failures.observed import Observed, once
from tracing.failures.result_text import (
    LOOKED_AT_CHARS,
    brought,
    brought_text,
    data_of,
    exit_code,
    is_shell,
    lines_of,
    text_of,
)
from tracing.span import JsonValue
from tracing.words import cut, plain

_WORDS_CHARS = 160
_SHORT_CHARS = 400  # a result that is a message rather than content
_PAGE_CHARS = 1_000  # of a page that only says why the page is not shown
_MIDDLING_CHARS = 4_000
_FEW_KEYS = 6
_MESSAGE_KEYS = 2  # of an object that is nothing but a message

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
    | ^\W{0,6}(?:an?\ |the\ )?(?:error|exception)\b[^\n:.]{0,60}:\ # Error fetching the page: 403
    | \b(?:http|status|error)[\ /:]*(?:status|error|code)?[\ :]*[45]\d\d\b|\b[45]\d\d\ (?:client|server)\ error\b
    | ^\W{0,6}(?!(?:\w+\ )?(?:tests?|checks?)\b)(?:[a-z]+\ ){1,3}failed\b(?=\s*(?:[:.!]|$))  # Payment failed.
    | \b404\b[^\n]{0,20}\bnot\ found\b | \b(?:has|have|was|request|connection|operation)\ timed\ out\b
    | \b(?:command\ not\ found|no\ such\ file\ or\ directory|permission\ denied|connection\ (?:refused|reset|timed\ out|error)|
      rate\ limit(?:ed|\ exceeded|\ reached)|too\ many\ requests|quota\ exceeded|internal\ server\ error|bad\ gateway|service\ unavailable|
      gateway\ time-?out|invalid\ api\ key|timeout\ \d+\s?ms\ exceeded|net::ERR_\w+|authentication\ (?:failed|required))\b""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_WALL = re.compile(
    r"""(?<!["'`\u201c\u2018\u00ab])\b(?:enable\ javascript\ and\ cookies|verify(?:ing)?\ (?:that\ )?you(?:'re|\ are)\ (?:a\ )?human|checking\ your\ browser|
      unusual\ traffic\ from|access\ to\ this\ page\ has\ been\ denied|you\ have\ been\ blocked|(?:complete|solve)\ the\ captcha|
      are\ you\ a\ robot)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_MARKS = re.compile(  # what a program that gave up writes about itself, in the line's beginning
    r"""^\s*(?:npm\ ERR!|npm\ error|make(?:\[\d+\])?:\ \*\*\*|fatal:\ |BUILD\ FAILED|FAILURE:\ Build\ failed|error:\ (?:command|could\ not|
      subprocess|failed)|ERROR:\ (?:Could\ not|Failed|No\ matching)|E:\ (?:Unable|Could|Failed)|Segmentation\ fault|panic:\ |
      \[?(?:[\d:.,TZ/-]+\ ){0,2}\[?(?:ERROR|CRITICAL|FATAL)\b[^\n]{0,60}\b[A-Z]\w*(?:Error|Exception):)""",
    re.VERBOSE | re.MULTILINE,
)
_HIDES_STATUS = re.compile(
    r"\|\|\s*(?:true|:|echo\b)|;\s*(?:true|:|exit 0)\s*$|\|\s*(?:tail|head|tee|cat)\b[^|;&]*$|\bset \+e\b"
)
_TESTS = re.compile(r"\b(?:pytest|unittest|tox|nox|test|tests|repro\w*|runtests\.py|check|lint)\b", re.IGNORECASE)
_HTML_TITLE = re.compile(
    r"<title>\s*((?:error\s*)?[45]\d\d\b[^<]{0,80}|(?:error|access denied|page not found|forbidden)[^<]{0,80})",
    re.IGNORECASE,
)
_ENVIRONMENT = re.compile(
    r"""command\ not\ found|No\ such\ file\ or\ directory|Permission\ denied|Operation\ not\ permitted|Read-only\ file\ system|
      No\ space\ left|ModuleNotFoundError|No\ module\ named|cannot\ import\ name|can't\ open\ file|not\ a\ git\ repository|
      Connection\ (?:refused|reset|timed\ out)|Could\ not\ resolve\ host|Name\ or\ service\ not\ known|Temporary\ failure\ in\ name|
      Network\ is\ unreachable|Cannot\ allocate\ memory|Could\ not\ find\ a\ version|\b\w+:\ (?:line\ )?\d+:\ [\w./-]+:\ not\ found|
      executable\ file\ not\ found|Cannot\ find\ (?:module|package)|\b(?:ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOENT|EACCES|ENOSPC)\b|is\ not\ recognized\ as|
      FileNotFoundError|PermissionError|ConnectionError|Unable\ to\ locate\ package|\b(?:401|403|429|502|503)\ \w+""",
    re.VERBOSE | re.IGNORECASE,
)
_UNDEFINED = re.compile(
    r"""(?:\bname|\bvariable|\bsymbol|\bimport\ name|\bidentifier|\breference\ to|\bobject)\ [`'"]?(\w+)[`'"]?
      |\b[`'"]?(\w+)[`'"]?\ is\ (?:not\ defined|undefined|not\ declared)""",
    re.VERBOSE,
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
        return (_told(span) or f"exit code {code}") if code else hidden_failure(span)
    data = brought(span)
    if isinstance(data, Mapping):
        return _of_object(data)
    if isinstance(data, list):
        return ""
    return _of_shell(span) if is_shell(span.name) else _of_text(brought_text(span)[:LOOKED_AT_CHARS])


def is_unmarked(span: Observed) -> bool:
    """Whether an error came as a success: nobody marked the span, and no exit code says it."""
    return not span.is_error and not exit_code(span) and bool(error_in(span))


@once
def hidden_failure(span: Observed) -> str:
    """What failed in a shell's command that says it succeeded: programs give up in their own words where the command
    (`|| true`, `| tail`) or the code that it ran swallowed the failure. Tests, and what is only shown, are meant to be seen.
    """
    command = text_of(span.input)[:LOOKED_AT_CHARS]
    if span.is_error or exit_code(span) or not is_shell(span.name) or _only_reads(command) or _TESTS.search(command):
        return ""
    lines = lines_of(brought_text(span)[-LOOKED_AT_CHARS:])
    raised = bool(lines) and _is_uncaught(lines) and bool(_HIDES_STATUS.search(_command(command)))
    short = sum(map(len, lines)) <= _SHORT_CHARS
    marked = next((line for line in lines if _MARKS.match(line)), "") if short else ""
    return _line(lines[-1]) if raised else _line(marked)


def environment_error(error_and_output: str) -> str:
    """The line that says that the surroundings failed (a missing file, module, right, network), and not the program's own verdict."""
    found = _ENVIRONMENT.search(error_and_output[:LOOKED_AT_CHARS])
    if found is None:
        return ""
    start = error_and_output.rfind("\n", 0, found.start()) + 1
    return _line(error_and_output[start:].partition("\n")[0])


def undefined_in(words: str) -> frozenset[str]:
    """The names that an error says are not there."""
    return frozenset(name.lower() for names in _UNDEFINED.findall(words) for name in names if name)


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
        return _line(said or text_of(data.get("content")) or text_of(dict(data)))
    return _of_words(data)


def _of_words(data: Mapping[str, JsonValue]) -> str:
    """An error that only the words of an object tell: they are all of it, stand beside no data, or are MCP's blocks of text."""
    content = data_of(data["content"]) if isinstance(data.get("content"), list) else None
    if isinstance(content, Mapping):
        return _of_object(content)
    if isinstance(content, str):
        return _of_text(content[:LOOKED_AT_CHARS])
    if said := _beside_no_data(data):
        return _line(said)
    said = next((value for key in ("detail", "message") if isinstance(value := data.get(key), str)), "")
    return _line(said) if len(data) <= _MESSAGE_KEYS and _of_text(said) else ""


def _beside_no_data(data: Mapping[str, JsonValue]) -> str:
    """What a message says that begins like an error, where the lists and objects beside it are all empty."""
    holders = [value for value in data.values() if isinstance(value, dict | list)]
    if not holders or any(holders) or len(data) > _FEW_KEYS:
        return ""
    said = (value for key in ("message", "detail", "reason") if isinstance(value := data.get(key), str))
    return next((words for words in said if _begins_as_error(words)), "")


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
    if len(text) <= _PAGE_CHARS and (wall := _WALL.search(text)):
        return _line(wall[0])
    return _line(lines[0]) if short and any(_SAYS.search(line) for line in lines) else ""


def _of_shell(span: Observed) -> str:
    """No exit code known: an error is what the output ends with, unless the command only shows what a file says."""
    if _only_reads(text_of(span.input)[:LOOKED_AT_CHARS]):
        return ""
    lines = lines_of(brought_text(span)[-LOOKED_AT_CHARS:])
    if not lines:
        return ""
    raised = _is_uncaught(lines)
    short = sum(map(len, lines)) <= _SHORT_CHARS and (_begins_as_error(lines[0]) or environment_error(lines[-1]))
    return _line(lines[-1]) if raised or short or _begins_as_error(lines[0]) else hidden_failure(span)


def _is_uncaught(lines: list[str]) -> bool:
    """Whether the last that was written is an exception that nothing caught; those of packages bear their module's name."""
    traced = any(line.startswith("Traceback (most recent") for line in lines)
    return traced and bool(re.match(r"[\w.]*(?:Error|Exception)\b|(?:\w+\.)+[A-Z]\w*(?::\s|$)", lines[-1]))


def _begins_as_error(line: str) -> bool:
    return bool(_BEGINS.match(line[:_SHORT_CHARS]))


def _only_reads(command: str) -> bool:
    return program(command) in _READING


def program(given: JsonValue) -> str:
    """The program that a shell's command starts, wherever it goes before that."""
    command = _command(text_of(given)[:LOOKED_AT_CHARS])
    first = re.search(r"[\w.-]+", re.sub(r"^\s*cd [^;&|]*(?:&&|;)", "", command[:_MIDDLING_CHARS]))
    return first[0] if first else ""


def _command(given: str) -> str:
    named = re.search(r'"(?:command|cmd|code|script)"\s*:\s*"((?:[^"\\]|\\.)*)', given)
    return named[1] if named else given


def _line(text: str) -> str:
    return cut(plain(text[:_MIDDLING_CHARS]), _WORDS_CHARS)
