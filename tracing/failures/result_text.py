"""What a tool returned, as text and as JSON, whichever wrapping it came in. Knows nothing of what is good or bad."""

import json
import re

from tracing.failures.observed import Observed, once
from tracing.span import JsonValue

LOOKED_AT_CHARS = 20_000  # of a text; enough to tell what it is
_JSON_CHARS = 400_000  # longer ones are left unparsed
_SHELL_WORDS = frozenset(
    [
        "bash",
        "sh",
        "zsh",
        "shell",
        "terminal",
        "powershell",
        "cmd",
        "command",
        "python",
        "ipython",
        "jupyter",
        "interpreter",
    ]
)
_LINE_CHARS = 2_000  # a line that says an exit code is shorter
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_EXIT_TAG = re.compile(r"<returncode>\s*(-?\d+)\s*</returncode>")
_EXIT_LINE = re.compile(
    r"^\W*(?:process |command )?(?:exited with |finished with |failed with )?(?:exit|return) ?(?:code|status)\W{0,3}(-?\d+)",
    re.IGNORECASE,
)


def text_of(value: JsonValue) -> str:
    """A text as it is, content blocks joined, anything else as JSON; "" of nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    blocks = _block_texts(value)
    return "\n".join(blocks) if blocks else json.dumps(value, ensure_ascii=False)


def data_of(value: JsonValue) -> JsonValue:
    """The JSON that a text or a list of content blocks holds; the value itself where it is no JSON in disguise."""
    if isinstance(value, list) and (blocks := _block_texts(value)):
        value = "\n".join(blocks)
    if not looks_like_json(value) or len(str(value)) > _JSON_CHARS:
        return value
    try:
        parsed: JsonValue = json.loads(str(value))
    except (ValueError, RecursionError):
        return value
    return parsed


def looks_like_json(value: JsonValue) -> bool:
    """Whether a text begins like an object or a list."""
    return isinstance(value, str) and bool(re.match(r"\s*+(?:\{\s*[\"}]|\[\s*[\[{\"\]\d])", value))


def is_shell(tool: str) -> bool:
    """Whether a tool runs whatever it is given, so that its output has no shape of its own."""
    return any(word.lower() in _SHELL_WORDS for word in _WORD.findall(tool))


@once
def asked(span: Observed) -> JsonValue:
    """What a call was given, as data."""
    return data_of(span.input)


@once
def brought(span: Observed) -> JsonValue:
    """What a call brought, as data."""
    return data_of(span.output)


@once
def brought_text(span: Observed) -> str:
    return text_of(span.output)


@once
def exit_code(span: Observed) -> int | None:
    """As recorded, else as the result says it in its first or last line; None: nobody said."""
    if span.exit_code is not None:
        return span.exit_code
    text = brought_text(span)
    if tagged := _EXIT_TAG.search(text[:200]):
        return int(tagged[1])
    text = text.strip()
    for line in (*text[:_LINE_CHARS].splitlines()[:1], *text[-_LINE_CHARS:].splitlines()[-1:]):
        if said := _EXIT_LINE.match(line):
            return int(said[1])
    return None


def lines_of(text: str) -> list[str]:
    """The lines that say something, without those that only wrap a result."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not re.fullmatch(r"</?\w+>|<returncode>.*</returncode>", line)]


def _block_texts(value: JsonValue) -> list[str]:
    blocks = value if isinstance(value, list) else []
    return [
        text
        for block in blocks
        if isinstance(block, dict)
        and block.get("type") in {"text", "output_text"}
        and isinstance(text := block.get("text"), str)
    ]
