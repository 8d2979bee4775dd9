"""Failures let pass: errors caught and dropped in code, and commands of checks whose exit code no longer counts."""

import ast
import re
from collections.abc import Iterator

from ralph.integrity.change import FileChange, Line
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.lines import added_product_code
from ralph.integrity.scan.python_tests import parse
from ralph.integrity.scan.text import Language, added_lines, closing, language_of, removed_lines, without_strings
from ralph.integrity.testfiles import is_test_file

SWALLOWED_WEIGHT = 25
BARE_WEIGHT = 40
COMMAND_FILES = re.compile(
    r"(?:^|/)(?:[\w.]*[Mm]akefile|.*\.mk|[Jj]ustfile|Taskfile\.ya?ml|Dockerfile[\w.-]*|package\.json|.*\.(?:sh|bash|zsh))$"
    r"|(?:^|/)(?:bin|scripts|ci|\.ci|\.husky|\.githooks)/[^/.]+$"
)
CHECKS = re.compile(
    r"\b(?:pytest|py\.test|unittest|tox|nox|ruff|mypy|pyright|flake8|pylint|eslint|tsc|jest|vitest|mocha|playwright|cargo (?:test|clippy|check|build|nextest)"
    r"|go (?:test|vet|build)|golangci-lint|staticcheck|(?:npm|yarn|pnpm)(?: run)? (?:test|lint|build|check|typecheck|t)\b|node --test|make (?:test|check|lint|ci)"
    r"|coverage (?:run|report|xml)|bandit|\$\(?\{?(?:PYTEST|TEST|MYPY|RUFF|JEST|GO|CARGO)\w*)"
)
PASSED_OVER = re.compile(
    r"\|\|\s*(?:true|:|exit 0|echo\b|/bin/true|printf\b)|;\s*(?:true|exit 0|:)\s*(?:$|[;\"'])|&\s*$|\|\s*(?:tee|tail|head|cat)\b[^|]*$|^\s*@?-@?\s*(?=\S)|^\s*if\s+!?.*;\s*then\s+(?:true|:)|\bset \+e"
)
LEFT_OUT = re.compile(
    r"(?<!\w)(?:-k\s*[\"']?\s*not\b|--ignore(?:-glob)?[= ]|--deselect|-o\s*[\"']?addopts=|--exit-zero|--passWithNoTests|--forceExit|--no-verify|--collect-only|--testPathIgnorePatterns"
    r"|-p no:(?!cacheprovider|warnings|xdist|randomly)|--co\b(?!-)|-m\s*[\"']?not\b|-run\s+['\"]?\^?\$|-skip\b|--skip\b|--no-run\b|--if-present)"
)
GOES_ON = re.compile(
    r"^\s*-?\s*(?:continue-on-error:\s*true|allow_failure:\s*true|ignore_outcome\s*=\s*true|ignore_errors\s*=\s*true|ignore_failures?:\s*true)|^\.IGNORE\s*:|^MAKEFLAGS\s*[:+]?=.*(?:-i\b|-k\b|--ignore-errors|--keep-going)"
)
GOOD_END = re.compile(r"^\s*exit 0\s*(?:#.*)?$|trap\s+['\"]?[^'\"]*exit 0[^'\"]*['\"]?\s+(?:EXIT|0|ERR)")
CHECK_NAMES = re.compile(r"test|check|lint|ci|verify|valid|cover|hook|pre-", re.IGNORECASE)


def passed_over(facts: Facts) -> Iterator[Finding]:
    """Commands whose failure no longer counts, and tests that their options leave out."""
    for file in facts.change.files:
        if file.new and COMMAND_FILES.search(file.path):
            moved = {line.text.strip() for line in removed_lines(file)}
            permitted = facts.permit.names(file.path)
            for line in added_lines(file):
                found = None if line.text.strip() in moved else _command(line, file)
                if found is not None:
                    yield judged(found, permitted=permitted and found.weight < HARD)


def _command(line: Line, file: FileChange) -> Finding | None:
    text = line.text.rstrip(" \\")
    checked = bool(CHECKS.search(text))
    commented = re.match(r"\s*(?:#|//)", text)
    if commented or (_is_data(file.path) and not checked and not GOES_ON.search(text)):
        return None
    if GOES_ON.search(text) or (checked and PASSED_OVER.search(text) and not _is_list(text, file.path)):
        return finding("failure-ignored", HARD, "the failure of a check no longer counts", file.path, line.number, text)
    if LEFT_OUT.search(text) and checked:
        return finding(
            "tests-left-out",
            HARD,
            "a check was told to leave tests out, or to be content without any",
            file.path,
            line.number,
            text,
        )
    if GOOD_END.search(text):
        weight = HARD if "trap" in text else 60 if CHECK_NAMES.search(file.path) and _runs_checks(file) else 5
        return finding(
            "exit-code-forced", weight, "a script ends well whatever happened in it", file.path, line.number, text
        )
    if re.search(r"\bset \+e\b", text) and language_of(file.path) is Language.SHELL:
        return finding(
            "failure-ignored",
            60 if _runs_checks(file) else 10,
            "a script goes on after a failure",
            file.path,
            line.number,
            text,
        )
    return None


def _runs_checks(file: FileChange) -> bool:
    return bool(CHECKS.search(file.new_text) or CHECKS.search(file.old_text))


def _is_data(path: str) -> bool:
    return path.endswith((".yml", ".yaml", ".toml", ".ini", ".cfg", ".json"))


def _is_list(text: str, path: str) -> bool:
    """Whether the dash at the line's start is an item of YAML and no prefix of make."""
    only_dash = re.match(r"\s*-\s", text) and not re.search(r"\|\||;|\|", text)
    return bool(only_dash and _is_data(path)) or bool(
        re.match(r"\s*-", text) and not re.search(r"[Mm]akefile|\.mk$", path) and not re.search(r"\|\||;|\|", text)
    )


DROPPED_PANIC = re.compile(
    r"(?:^|[{;]|\b_\s*=)\s*recover\(\)\s*(?:$|[;}])|\blet\s+_\w*\s*=\s*(?:std::)?(?:panic::)?catch_unwind\("
)
FUNCTION = re.compile(
    r"\b(?:def|func(?:\s*\([^)]*\))?|fn|function)\s+(\w+)|^\s+(?:async\s+)?(?!if|for|while|switch|catch)(\w+)\s*\([^;]*\)\s*\{"
)
WANTS_ERRORS = r"\b(?:rais\w*|throw\w*|reject\w*|refus\w*|errors?|fail\w*|report\w*)\b"


def swallowed_errors(facts: Facts) -> Iterator[Finding]:
    """Errors that product code catches and drops."""
    for file in facts.files(Language.PYTHON, Language.SCRIPT):
        if is_test_file(file.path):
            continue
        reader = _python_handlers if language_of(file.path) is Language.PYTHON else _script_handlers
        old, new = reader(file.old_text), reader(file.new_text)
        extra = len(new) - len(old)
        known = {text for _, text, _ in old}
        fresh = [item for item in new if item[1] not in known][: max(extra, 0)]
        for line, text, broad in fresh:
            weight = BARE_WEIGHT if broad else SWALLOWED_WEIGHT // 5
            if broad and _wants_errors(file, line, facts):
                weight = HARD
            yield finding(
                "error-swallowed", weight, "product code catches an error and drops it", file.path, line, text
            )


def dropped_panics(facts: Facts) -> Iterator[Finding]:
    """Go: panics that are recovered from and dropped, and errors set to nil on the way out. Rust: panics caught and dropped."""
    for file in facts.files(Language.GO, Language.RUST):
        if is_test_file(file.path):
            continue
        for line in added_product_code(file):
            if DROPPED_PANIC.search(line.code):
                near = f"{line.code}\n{line.following}"
                both = re.search(r"(?m)^\s*err\s*=\s*nil", near) or _wants_errors(file, line.number, facts)
                text = "product code catches a panic and drops it" + (", and the error with it" if both else "")
                weight = HARD if both else BARE_WEIGHT
                yield finding("error-swallowed", weight, text, file.path, line.number, line.text)


def _wants_errors(file: FileChange, line: int, facts: Facts) -> bool:
    """Whether the story has the function that the line stands in, and wants errors of it."""
    above = reversed(file.new_text.splitlines()[:line])
    heads = (FUNCTION.search(text) for text in above)
    name = next((head[1] or head[2] for head in heads if head), "")
    telling = re.compile(rf"(?<!\w){re.escape(name)}(?!\w).*{WANTS_ERRORS}", re.IGNORECASE) if name else None
    return bool(telling and any(telling.search(part) for part in facts.permit.text.splitlines()))


def _python_handlers(text: str) -> list[tuple[int, str, bool]]:
    """Where errors are dropped: the line, what is tried, and whether every error is caught."""
    tree = parse(text) if "except" in text else None
    found = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Try | ast.TryStar):
            for handler in node.handlers:
                if all(_nothing(item) for item in handler.body):
                    kind = ast.unparse(handler.type) if handler.type else ""
                    first = ast.unparse(node.body[0]).split("\n")[0]
                    found.append(
                        (
                            handler.lineno,
                            f"{first} … except {kind}: pass".replace(" :", ":"),
                            kind in {"", "Exception", "BaseException"},
                        )
                    )
    return found


def _nothing(node: ast.stmt) -> bool:
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass) or constant


def _script_handlers(text: str) -> list[tuple[int, str, bool]]:
    plain = without_strings(text, Language.SCRIPT)
    found = []
    for word in re.finditer(r"\bcatch\s*(?:\([^)]*\))?\s*\{", plain):
        if not plain[word.end() : closing(plain, word.end() - 1)].strip():
            before = plain[: word.start()].rstrip("} \n").rsplit("\n", 1)[-1].strip()
            found.append((plain.count("\n", 0, word.start()) + 1, f"{before} … catch {{}}", True))
    return found
