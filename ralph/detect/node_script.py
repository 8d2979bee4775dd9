"""Turns a script of `package.json` into a command that ends by itself and changes no file, where that is possible."""

import re

MAX_CHARS = 2000  # longer ones are taken as they are
PLACEHOLDER = "no test specified"
COMPOUND = re.compile(r"[&|;<>`$(]")
NEVER_ENDS = re.compile(r"\b(nodemon|cypress open|playwright .*--ui|web-test-runner .*--watch|chokidar)\b|(^|\s)--ui\b")
WATCH = re.compile(r"\s--watch(?:All)?(?:=true|\s+true)?(?!\S)")
SHORT_WATCH = re.compile(r"\b((?:tsc|mocha|ava|vitest|jest)\b[^&|;]*?)\s-w(?!\S)")
RUNS_ONCE = re.compile(r"--run\b|\bvitest run\b")
PRETTIER_WRITES = re.compile(r"(\bprettier\b[^&|;]*?)\s--write(?!\S)")
WRITES = re.compile(r"\s--(?:fix|write)(?!\S)")
VITEST = re.compile(r"(^|\s)vitest(?:\s+(?:watch|dev))?(?=\s|$)(?!\s+(?:list|bench|related|typecheck)\b)")


def is_placeholder(script: str) -> bool:
    return PLACEHOLDER in script


def mended(script: str) -> str | None:
    """The script without watch modes and without writing fixes; None when leaving words out does not mend it."""
    if len(script) > MAX_CHARS:
        return script
    if NEVER_ENDS.search(script):
        return None
    once = script if RUNS_ONCE.search(script) else VITEST.sub(r"\1vitest run", script)
    once = SHORT_WATCH.sub(r"\1", WATCH.sub("", once))
    once = re.sub(r"\bng test\b(?!.*--watch)", "ng test --watch=false", once)
    once = re.sub(r"\bkarma start\b(?!.*--single-run)", "karma start --single-run", once)
    return WRITES.sub("", PRETTIER_WRITES.sub(r"\1 --check", once))


def is_simple(script: str) -> bool:
    """One program with arguments, so that it can be started without the script."""
    return not COMPOUND.search(script) and not re.match(r"\s*\w+=", script)
