"""Whether a call may have changed what the agent works on, so that the same call after it is worth making again.

Said by `Observed.changed` where the agent's own runner looked; else a guess from the tool's name, and for shell
commands and code from what they do. The guess errs towards "may change": a loop is then seen later, never wrongly.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from tracing.failures.answers import squeezed
from tracing.failures.calls import call_of
from tracing.failures.observed import Observed, once
from tracing.span import JsonValue


class Effect(StrEnum):
    """What a call does to the state."""

    READS = "reads"
    UNSURE = "unsure"  # may change it
    CHANGES = "changes"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAME_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_CHANGING = _words(
    "write edit create delete remove insert update apply patch replace move rename append put post set add save "
    "upload install book cancel send submit modify commit push merge undo click type press fill goto navigate "
    "scroll select drag drop hover tap swipe back forward reply transfer pay buy order return exchange open close "
    "start stop launch restart reset mkdir copy make build deploy schedule assign register"
)
_READING = _words(
    "read get list search find view show look lookup fetch query grep glob ls cat check status describe inspect "
    "calculate calculator think plan wait sleep poll visit web retrieve count compare browse wiki wikipedia "
    "load extract validate verify test lint diff log head tail stat tree answer ask"
)
_SHELLS = _words("bash shell sh terminal command commands exec execute run cmd powershell console")
_CODE = _words("python interpreter ipython jupyter notebook code repl executor sandbox")

_SHELL_CHANGES = re.compile(
    r"""
    (?<![-=<&\d])\d?>>?(?!\s*(?:/dev/null|&\d|/dev/std))           # a redirect into a file
    | \bsed\b[^|;&]{0,500}\s-\w*i | \bperl\b[^|;&]{0,500}\s-\w*i
    | (?:^|[;&|(]|\bsudo\s|\bxargs\s)\s*(?:rm|mv|cp|mkdir|rmdir|touch|ln|chmod|chown|tee|patch|dd|truncate|unzip|tar|rsync
        |install|kill|pkill|killall|wget|cmake|docker|systemctl|service)\b
    | \bgit\s+(?:-\S+\s+)*(?:apply|checkout|commit|stash|reset|restore|switch|merge|rebase|add|rm|mv|clean|pull|push
        |cherry-pick|revert|init|clone|am|tag|fetch|config)\b
    | \b(?:pip3?|uv|conda|poetry|npm|yarn|pnpm|apt|apt-get|brew|cargo|gem|go)\s+(?:\S+\s+)?(?:install|add|remove|uninstall|update|upgrade|sync|ci|get|mod)\b
    | \bcurl\b.{0,500}\s(?:-X\s*(?:POST|PUT|DELETE|PATCH)|-o|-O|--data|-d)\b
    | --fix\b | --write\b | \bsed\b.{0,500}\bw\s
    """,
    re.VERBOSE | re.MULTILINE,
)
_CODE_CHANGES = re.compile(
    r"""open\([^)]{0,300}['"][rb]*[wax]\+?b?['"] | \.write(?:_text|_bytes|lines)?\( | \bos\.(?:remove|rename|unlink|mkdir|makedirs|system)
    | \bshutil\. | \bsubprocess\. | \.to_(?:csv|excel|json|parquet)\( | \.save\w*\( | requests\.(?:post|put|delete|patch)
    | \.unlink\( | \.mkdir\( | \.commit\( | ^\s*[!%]\w""",
    re.VERBOSE | re.MULTILINE,
)
_READ_PROGRAMS = _words(
    "ls cat head tail grep egrep fgrep rg ag find fd wc sort uniq cut awk sed tr nl less more file stat du df tree pwd cd "
    "echo printf which whereis type env printenv date whoami uname ps top free id hostname diff cmp git pytest tox nox mypy "
    "ruff flake8 pylint pyright eslint tsc jq yq xxd od hexdump strings md5sum sha256sum sleep true false test [ basename "
    "dirname realpath readlink column pip npm cargo go ping nslookup dig curl seq rev tac comm join paste fold man help set "
    "export source . timeout time nice sudo xargs"
)
_PROGRAM = re.compile(r"(?:^|\|\||&&|[;|\n(])\s*(?:\w+=\S*\s+)*([^\s;|&()]+)")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?([^\n]*)\n.*?^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_RUNS_TESTS = re.compile(
    r"\b(?:pytest|unittest|runtests\.py|manage\.py test|(?:go|cargo|npm|yarn|pnpm|make|mvn|gradle)\s+(?:run\s+)?(?:test|check|vet|lint))\b"
)
_QUOTED = re.compile(r"'[^']*'|(?<!\\)\"(?:[^\"\\]|\\.)*+\"")
_ACTION_KEYS = ("command", "action", "operation", "method")
_WORD_CHARS = 60
_LOOKED_AT_CHARS = 4_096  # more of a command is not worth its time; cut short it looks as if it changed more, not less


def effect_of(span: Observed, *, failed: bool) -> Effect:
    """What is known or guessed of a finished call; `failed` as its outcome reads, whatever the span's status is."""
    if span.changed is not None:
        return Effect.CHANGES if span.changed else Effect.READS
    return guessed(span.name, span.input, failed=failed)


@once
def effect_known(span: Observed) -> Effect:
    """Of a finished call."""
    return effect_of(span, failed=call_of(span).failed)


def guessed(tool: str, value: JsonValue, *, failed: bool = False) -> Effect:
    """From the tool's name and its arguments; a call of a changing tool that failed changed nothing, a failed script may have."""
    by_name = _of_words(_action(value)) or _of_words(tool)
    if by_name is None and _CODE.intersection(_parts(tool)):
        return Effect.CHANGES if _CODE_CHANGES.search(_looked_at(value)) else Effect.READS
    if by_name is None and _SHELLS.intersection(_parts(tool)):
        return of_shell(_looked_at(value))
    return Effect.READS if failed else by_name or Effect.UNSURE


def _parts(name: str) -> list[str]:
    return [word.lower() for word in _NAME_PARTS.findall(name)]


def _action(value: JsonValue) -> str:
    """Of a tool with several actions, as `{"command": "view", "path": ...}`, which one."""
    if not isinstance(value, Mapping):
        return ""
    return next(
        (
            word
            for key in _ACTION_KEYS
            if isinstance(word := value.get(key), str) and len(word) <= _WORD_CHARS and word.isidentifier()
        ),
        "",
    )


def _of_words(name: str) -> Effect | None:
    """The first word that is known decides (`get_order_details`), unless there are two (`search_and_replace`)."""
    words = _parts(name)
    if "and" in words and _CHANGING.intersection(words):
        return Effect.CHANGES
    known = next((word for word in words if word in _CHANGING or word in _READING), None)
    if known is None:
        return None
    return Effect.CHANGES if known in _CHANGING else Effect.READS


def of_shell(command: str) -> Effect:
    """Of a command line: quoted texts and here-documents do not count as what it does, but code fed to a program does."""
    plain = _HEREDOC.sub(r"<<\1\2", command)
    bare = _QUOTED.sub("''", plain)
    if _SHELL_CHANGES.search(bare):
        return Effect.CHANGES
    if plain != command or re.search(r"\bpython3?\s+-c\b|\bnode\s+-e\b", bare):
        return Effect.CHANGES if _CODE_CHANGES.search(command) else Effect.READS
    programs = {program.rsplit("/", 1)[-1] for program in _PROGRAM.findall(bare)}
    if programs <= _READ_PROGRAMS or _RUNS_TESTS.search(bare):
        return Effect.READS
    return Effect.UNSURE


def _looked_at(value: JsonValue) -> str:
    return squeezed(_longest_text(value)[:_LOOKED_AT_CHARS])


def _longest_text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return max((_longest_text(item) for item in value.values()), key=len, default="")
    if isinstance(value, list):
        return " ".join(_longest_text(item) for item in value)
    return ""
