"""Which calls start another agent, how many, and how many were asked for. Reads words; knows nothing of limits."""

import re
from collections.abc import Iterator, Mapping

from tracing.failures.answers import command_in, decoded
from tracing.failures.observed import Observed
from tracing.span import JsonValue, SpanKind

MOST_AT_ONCE = 10_000  # no call is believed to start more
_LOOKED_AT = 20_000  # characters of a goal
_COMMAND_CHARS = 100_000  # of a command: enough for a thousand agents

_STARTERS = re.compile(
    r"(?:(?:spawn|start|launch|create|run|invoke|dispatch|fork|new|call)_?(?:sub_?)?(?:agents?|teammates?|workers?)(?:_?tool)?"
    r"|(?:sub_?)?agents?_?(?:spawn|start|launch|create|run|tool)|sub_?agents?|sessions?_spawn|new_?task|dispatch_?task"
    r"|delegate(?:_?(?:task|work|to)\w*)?)",
    re.IGNORECASE,
)
_ASKED_WITH = {
    "prompt",
    "subagent_type",
    "description",
    "instructions",
    "agent",
    "agent_type",
    "message",
    "goal",
    "task",
}
_HANDOFF = re.compile(r"(?:transfer|hand_?off|switch)_?(?:back_?)?to_?(.+)", re.IGNORECASE)
_MESSAGE = re.compile(r"send_?(?:message|input)(?:_to_(?:agent|teammate|team))?", re.IGNORECASE)
_PEOPLE = re.compile(r"human|person|operator|support|customer|user|staff", re.IGNORECASE)
_COUNTS = (
    "count",
    "n",
    "num",
    "num_agents",
    "number_of_agents",
    "n_agents",
    "agent_count",
    "num_workers",
    "workers",
    "parallel",
)
_LISTS = ("agents", "tasks", "prompts", "subtasks", "workers", "subagents")

_PROGRAMS = (
    r"claude\b[^;|&\n]{0,1000}\s(?:-p|--print)\b", r"codex\s+(?:-\S+\s+)*(?:exec|e)\b", r"aider\b[^;|&\n]{0,1000}\s(?:-m|--message(?:-file)?)\b",
    r"(?:gemini|qwen|cursor-agent|copilot|pi|droid|agy|kimi)\b[^;|&\n]{0,1000}\s(?:-p|--prompt|--print)\b", r"opencode\s+run\b", r"ralph\s+run\b",
    r"goose\s+run\b", r"amp\b[^;|&\n]{0,1000}\s(?:-x|--execute)\b", r"crush\s+run\b", r"droid\s+exec\b", r"mini\b[^;|&\n]{0,1000}\s(?:-t|--task)\b",
)  # fmt: skip
_BEFORE = (
    r"(?:^|[;&|(\n`{]|\b(?:do|then|else)\s|\bxargs\s[^;|&\n]{0,200}?|-c\s+[\"'])\s*"
    r"(?:(?:nohup|exec|time|sudo|env|setsid|npx|timeout(?:\s+-\S+)*\s+\S+|[A-Za-z_]\w*=\S*)\s+)*(?:[\w./~-]*/)?"
)
_STARTS = re.compile(rf"{_BEFORE}(?:{'|'.join(_PROGRAMS)})")
_REPEATED = re.compile(r"\bseq\s+(?:1\s+)?(\d+)|\{1\.\.(\d+)\}|\brange\((\d+)\)|<=?\s*(\d+)\s*;\s*\w+\+\+")

_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_ASKED = re.compile(
    rf"\b(\d{{1,4}}|{'|'.join(_WORDS[1:])}|a dozen)\s+(?:[\w-]+\s+){{0,3}}?"
    r"(?:sub-?agents?|agents?|workers?|teammates?|explorers|researchers|reviewers|instances|in parallel|parallel)\b",
    re.IGNORECASE,
)


def started_by(span: Observed) -> int:
    """How many agents a tool call starts, as far as its arguments tell; 0 where it starts none."""
    if span.kind is not SpanKind.TOOL:
        return _programs(str(span.attributes.get("process.command_line", "")))
    given = decoded(span.input)
    if _is_starter(span.name, given):
        return _told(given)
    return _programs(command_in(given))


def addressed_by(span: Observed) -> str:
    """Whom a call hands the work to or writes to; "" where it does neither. The same name again is the same agent."""
    if span.kind is not SpanKind.TOOL:
        return ""
    if handed := _HANDOFF.fullmatch(span.name.strip()):
        return "" if _PEOPLE.search(handed[1]) else handed[1].lower()
    given = decoded(span.input)
    if _MESSAGE.fullmatch(span.name.strip()) and isinstance(given, Mapping):
        to = str(
            next((given[key] for key in ("recipient", "to", "agent", "agent_id", "teammate") if given.get(key)), "")
        )
        return "" if "@" in to or _PEOPLE.search(to) else to.lower()
    return ""


def asked_for(text: str) -> int:
    """The greatest number of agents that a text asks for; 0 where it names none."""
    return max((_number(found) for found in _ASKED.findall(text[:_LOOKED_AT])), default=0)


def _is_starter(name: str, given: JsonValue) -> bool:
    bare = re.sub(r"[\s-]+", "_", name.strip())
    bare = bare.rsplit("__", 1)[-1].rsplit(".", 1)[-1]
    if bare.lower() in {"task", "agent"}:
        return given in (None, "") or (isinstance(given, Mapping) and bool(_ASKED_WITH & given.keys()))
    return bool(_STARTERS.fullmatch(bare))


def _told(given: JsonValue) -> int:
    if not isinstance(given, Mapping):
        return 1
    counted = [value for key in _COUNTS if isinstance(value := given.get(key), int) and not isinstance(value, bool)]
    listed = [len(value) for key in _LISTS if isinstance(value := given.get(key), list)]
    return min(max([1, *counted, *listed]), MOST_AT_ONCE)


def _programs(command: str) -> int:
    """A loop around a program counts as often as it says."""
    starts = len(_STARTS.findall(command[:_COMMAND_CHARS])) if command else 0
    if not starts:
        return 0
    return min(starts * max((int(number) for number in _loops(command)), default=1), MOST_AT_ONCE)


def _loops(command: str) -> Iterator[str]:
    for groups in _REPEATED.findall(command):
        yield from (number for number in groups if number and len(number) < 6 and int(number) > 0)


def _number(word: str) -> int:
    lowered = word.lower()
    if lowered.isdecimal():
        return int(lowered)
    return 12 if lowered == "a dozen" else _WORDS.index(lowered)
