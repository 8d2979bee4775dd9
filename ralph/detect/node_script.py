"""Turns a script of `package.json` into a command that ends by itself and changes no file, where that is possible."""

import re

PLACEHOLDER = "no test specified"
COMPOUND = re.compile(r"[&|;<>`$(]")
NEVER_ENDS = re.compile(r"\b(nodemon|cypress open|playwright .*--ui|web-test-runner .*--watch|chokidar)\b|(^|\s)--ui\b")
WATCH = re.compile(r"\s--watch(?:All)?(?:=true|\s+true)?(?!\S)")
SHORT_WATCH = re.compile(r"\b((?:tsc|mocha|ava|vitest|jest)\b[^&|;]*?)\s-w(?!\S)")
WRITES = re.compile(r"\s--(?:fix|write)(?!\S)")
VITEST = re.compile(r"(^|\s)vitest(?:\s+(?:watch|dev))?(?=\s|$)(?!\s+(?:run|list|bench|related|typecheck|--run)\b)")


def is_placeholder(script: str) -> bool:
    return PLACEHOLDER in script


def mended(script: str) -> str | None:
    """The script without watch modes and without writing fixes; None when it cannot be mended by leaving words out."""
    if NEVER_ENDS.search(script):
        return None
    mended = (
        script if "--run" in script or re.search(r"\bvitest\s+run\b", script) else VITEST.sub(r"\1vitest run", script)
    )
    mended = SHORT_WATCH.sub(r"\1", WATCH.sub("", mended))
    mended = re.sub(r"\bng test\b(?!.*--watch)", "ng test --watch=false", mended)
    mended = re.sub(r"\bkarma start\b(?!.*--single-run)", "karma start --single-run", mended)
    checking = re.sub(r"(\bprettier\b.*?)\s--write(?!\S)", r"\1 --check", mended)
    return WRITES.sub("", checking)


def is_simple(script: str) -> bool:
    """One program with arguments, so that it can be started without the script."""
    return not COMPOUND.search(script) and not re.match(r"\s*\w+=", script)
