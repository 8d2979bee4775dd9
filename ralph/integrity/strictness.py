"""Whether a changed setting asks for less than it did, for more, or for something else. Knows settings by their names."""

import re
from enum import StrEnum

from ralph.integrity.config_parts import Parts, Value


class Turn(StrEnum):
    LOOSER = "looser"
    TIGHTER = "tighter"
    OTHER = "other"


FLOORS = re.compile(
    r"fail_under|fail-under|threshold|branches$|functions$|lines$|statements$|min[-_]?cover|minimum|score|precision$|min_confidence$|perfile",
    re.IGNORECASE,
)
CEILINGS = re.compile(r"max[-_]|complexity|tolerance|retries|reruns|timeout|line[-_]length|limit", re.IGNORECASE)
LAYOUT = re.compile(
    r"line[-_]length|timeout|indent|quote|target[-_]version|python_version|format\.|max-line|minversion|cache|testEnvironment"
)
LEAVES_OUT = re.compile(
    r"ignore|exclude|omit|skip|norecurse|disable|deselect|exempt|(?<!dis)allow|whitelist|suppress|per-file|unless|filterwarnings",
    re.IGNORECASE,
)
TAKES_IN = re.compile(
    r"select|enable|testpaths|include|files|source|testmatch|testregex|roots|projects|python_files|python_functions|python_classes"
    r"|plugins|markers|addopts|extends|collectcoveragefrom|specs?$|setupfiles|env_?list|hooks?$",
    re.IGNORECASE,
)
LOOSE_SWITCH = re.compile(
    r"ignore|skip|(?<!dis)allow|implicit_|passWithNoTests|disable|suppress|continue|isolatedModules|maxWarnings|noEmitOnError$|follow_imports_for|bail_off|autotests_off"
)
LOOSE_OPTION = re.compile(
    r"(?:^|[\s='\"])(?:-k\b|--ignore\b|--ignore-glob|--deselect|-m[ =]['\"]?not\b|--co\b|--collect-only|--no-cov\b|--exit-zero|--passWithNoTests"
    r"|--forceExit|--no-verify|-p no:|-o addopts|--testPathIgnorePatterns|--testPathPattern|--exclude|--extend-ignore|--disable"
    r"|--cov-fail-under[= ]0\b|--suppress|-W ignore|--disable-warnings|--lf\b|--last-failed|--maxfail|--reruns|--max-warnings[= ](?!0\b)"
    r"|--if-present|-run\b|-short\b|-skip\b|--quiet-errors|--no-run|--ignore-missing-imports|--only-changed|--onlyChanged"
    r"|--findRelatedTests|--allow-no-tests|--no-fail\b|--shard|--dry-run|--version|--help)"
)
FORGIVES = re.compile(
    r"\|\|\s*(?:true|:|exit 0|echo\b)|;\s*(?:true|exit 0)\s*$|\bset \+e\b|\bexit 0\b|\|\s*(?:cat|tee|tail|head)\b[^|]*$"
    r"|continue-on-error:\s*true|allow_failure:\s*true|if:\s*(?:false|\$\{\{\s*false)|^when:\s*(?:manual|never)|process\.exit\(0\)"
    r"|--passWithNoTests|--exit-zero|^(?:echo|true|exit 0|:)(?:\s|$)"
)
MAKE_IGNORES = re.compile(r"^@?-@?(?=\w)")  # make goes on after a recipe line that begins so
ONE_LIBRARY = re.compile(r"overrides\.\[?\"[^*\"]+(?:\.\*)?\".*\.(?:ignore_missing_imports|follow_untyped_imports)$")
TESTED_SWITCH = re.compile(r"strict|harness$|test$|tests$|doctest$|enabled$|check|warn_|disallow_|no[A-Z]\w+")
ASKS_MORE = re.compile(
    r"(?:^|\.)(?:disallow_|warn_|strict|check_|no_implicit_|report|extra_checks|enable_|forbid|fail[-_]on|require|noImplicit|noUnused|noUnchecked|noFallthrough"
    r"|noProperty|exactOptional|alwaysStrict|xfail_strict|error_on|errorOn|no_warn_|throw)[\w-]*$",
    re.IGNORECASE,
)
"""Switches that ask for more where they are on, whatever else stands in their names: `warn_unused_ignores`."""
SHOWN_ONLY = re.compile(
    r"(?:^|\.)(?:skip_covered|skip_empty|show_\w+|pretty|verbose|color\w*|sort|output|reporters?|console_output_style|log_\w+|junit_\w+|cache\w*)$"
)
NEUTRAL_OPTION = re.compile(
    r"^(?:-x|-[vqs]+|-r\w*|-n(?:[= ]\S+)?|-l|--exitfirst|--verbose|--quiet|--color\S*|--durations\S*|--tb\S*|--show\S*|--no-header|--no-summary"
    r"|--numprocesses\S*|--dist\S*|--cache-\S*|--test-reporter\S*|--reporters?\S*|--pretty|--log-\S*|--junit\S*|--cov-report\S*|-p[= ]?no:(?:randomly|cacheprovider|xdist))$"
)
RULE_OFF = re.compile(r"(?:^|[\[\"'\s])(?:off|0|warn|allow|none)(?:$|[\]\"',\s])")


def turn_of(name: str, old: Value, new: Value) -> Turn:
    """How the setting turned; one that is new or gone has None on that side."""
    if old is None or new is None:
        return _appeared(name, new) if old is None else _gone(name, old)
    if SHOWN_ONLY.search(name):
        return Turn.OTHER
    if isinstance(old, bool) or isinstance(new, bool):
        return _switched(name, on=bool(new))
    if isinstance(old, int | float) and isinstance(new, int | float):
        return _moved(name, float(old), float(new))
    if LAYOUT.search(name):
        return Turn.OTHER
    return _words_changed(name, _words(name, old), _words(name, new))


def looser(old: Parts, new: Parts) -> list[tuple[str, Turn]]:
    """Every setting that differs, with its turn."""
    names = [name for name in {**old, **new} if (name in old, old.get(name)) != (name in new, new.get(name))]
    return [(name, turn_of(name, old.get(name), new.get(name))) for name in names]


def forgives(line: str) -> bool:
    """Whether a command line lets its failure pass, or leaves tests out."""
    return bool(FORGIVES.search(line) or LOOSE_OPTION.search(line))


def _appeared(name: str, new: Value) -> Turn:
    words = _words(name, new)
    if SHOWN_ONLY.search(name) or (words and all(word.startswith("error") for word in words)):
        return Turn.OTHER
    if isinstance(new, bool):
        return _switched_new(name, on=new)
    if isinstance(new, int | float):
        return Turn.OTHER
    loose = any(forgives(word) for word in words) or LOOSE_OPTION.search(" ".join(words))
    if loose or (RULE_OFF.search(" ".join(words)) and re.search(r"rules|lints|level|check", name)):
        return Turn.LOOSER
    return Turn.LOOSER if LEAVES_OUT.search(_key(name)) and words and not LAYOUT.search(name) else Turn.OTHER


def _switched_new(name: str, *, on: bool) -> Turn:
    if ONE_LIBRARY.search(name):
        return Turn.OTHER
    if ASKS_MORE.search(name):
        return Turn.TIGHTER if on else Turn.LOOSER
    return Turn.LOOSER if (LOOSE_SWITCH if on else TESTED_SWITCH).search(name) else Turn.OTHER


def _gone(name: str, old: Value) -> Turn:
    if isinstance(old, bool):
        loose = bool(LOOSE_SWITCH.search(name)) and not ASKS_MORE.search(name)
        return Turn.TIGHTER if loose or not old else Turn.LOOSER
    if LEAVES_OUT.search(_key(name)):
        return Turn.TIGHTER
    return Turn.OTHER if LAYOUT.search(name) else Turn.LOOSER


def _switched(name: str, *, on: bool) -> Turn:
    loose = bool(LOOSE_SWITCH.search(name)) and not ASKS_MORE.search(name)
    return Turn.LOOSER if on == loose else Turn.TIGHTER


def _moved(name: str, old: float, new: float) -> Turn:
    if FLOORS.search(name):
        return Turn.LOOSER if new < old else Turn.TIGHTER
    if LAYOUT.search(name):
        return Turn.OTHER
    if CEILINGS.search(name):
        return Turn.LOOSER if new > old else Turn.TIGHTER
    return Turn.LOOSER if new < old and re.search(r"rules|level", name) else Turn.OTHER


def _words_changed(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> Turn:
    added, gone = _without(new, old), _without(old, new)
    gone = [word for word in gone if not any(_extends(word, other) for other in added)]
    ignored = name.startswith("target") and any(MAKE_IGNORES.search(word) for word in added)
    if ignored or any(forgives(word) for word in added) or LOOSE_OPTION.search(" ".join(added)):
        return Turn.LOOSER
    return _items_changed(name, added, gone) if added or gone else Turn.OTHER


def _without(words: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    """The words that the others lack; how a tool shows what it found, and how fast it stops, is no matter."""
    return [word for word in words if word not in others and not NEUTRAL_OPTION.match(word)]


def _extends(old: str, new: str) -> bool:
    """Whether a command line only gained options, or a further command that must succeed too."""
    rest = new.removeprefix(old) if new.startswith(f"{old} ") else None
    return (
        rest is not None
        and bool(re.fullmatch(r"(?:\s+--?[\w-]+(?:[= ](?!-)[\w.:/]+)?)+|\s*&&.*", rest))
        and not forgives(new)
    )


def _items_changed(name: str, added: list[str], gone: list[str]) -> Turn:
    if LEAVES_OUT.search(_key(name)):
        return Turn.LOOSER if added else Turn.TIGHTER
    if re.search(r"rules|level|severity|lints", name):
        return Turn.LOOSER if RULE_OFF.search(" ".join(added)) else Turn.TIGHTER
    if gone and any(FLOORS.search(word) for word in gone):
        return _thresholds(gone, added)
    if TAKES_IN.search(_key(name)):
        return Turn.LOOSER if gone else Turn.TIGHTER if added else Turn.OTHER
    return Turn.LOOSER if gone else Turn.TIGHTER


def _thresholds(gone: list[str], added: list[str]) -> Turn:
    """Options with a number: the pair that differs in it only."""

    def numbers(words: list[str]) -> list[float]:
        return [float(found) for word in words for found in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", word)]

    before, after = numbers(gone), numbers(added)
    if len(gone) != len(added) or len(before) != len(after):
        return Turn.LOOSER
    return Turn.TIGHTER if all(right >= left for left, right in zip(before, after, strict=True)) else Turn.LOOSER


def _words(name: str, value: Value) -> tuple[str, ...]:
    """The value as a list: the items of a list, the options of a command line, the names between commas."""
    if value is None:
        return ()
    if isinstance(value, tuple):
        return value
    text = str(value)
    if re.search(r"addopts|args|options", name):
        return tuple(re.findall(r"-[-\w]+(?:[= ](?!-)(?:\"[^\"]*\"|'[^']*'|\S+))?|\S+", text))
    if "," in text and not name.startswith(("scripts", "target", "variable")):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return (text,)


def _key(name: str) -> str:
    """The last two words of a dotted name: `tool.ruff.lint.per-file-ignores.tests` is about the last but one."""
    return ".".join(name.rsplit(".", 2)[-2:])
