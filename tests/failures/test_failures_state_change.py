"""What may change the state an agent works on, guessed from the call alone."""

import pytest

from tracing.failures.observed import Observed
from tracing.failures.state_change import Effect, effect_of, guessed
from tracing.span import JsonValue, SpanKind

READS = [
    "ls -la", "cat a.py | head -20", "grep -rn 'a > b' src/ 2>/dev/null", "sed -n '1,20p' a.py", "git status", "git diff --stat",
    "git log -3", "cd /testbed && pytest -q tests/test_a.py 2>&1 | tail -5", "./tests/runtests.py admin", "find . -name '*.py' | xargs grep -l x",
    "python3 -c 'import sys; print(sys.path)'", "python - <<'EOF'\nprint(open('a.txt').read())\nEOF", "cargo test", "make test", "echo done",
    "PYTHONPATH=. pytest -x", "ruff check src",
]  # fmt: skip
CHANGES = [
    "echo x > a.txt", "cat <<'EOF' > a.py\nprint(1)\nEOF", "sed -i 's/a/b/' a.py", "rm -rf build", "cd x && mv a b", "git commit -am x",
    "git checkout -- a.py", "git stash", "pip install requests", "npm ci", "python - <<'EOF'\nopen('a.txt', 'w').write('x')\nEOF", "ls | tee out.txt",
    "mkdir -p a/b", "patch -p1 < a.diff", "ruff check --fix src", "curl -X POST http://x/y", "touch a",
]  # fmt: skip
UNSURE = ["python reproduce.py", "./configure", "node build.js"]


@pytest.mark.parametrize(
    ("command", "effect"),
    [*((one, Effect.READS) for one in READS), *((one, Effect.CHANGES) for one in CHANGES), *((one, Effect.UNSURE) for one in UNSURE)],
)  # fmt: skip
def test_a_shell_command_is_judged_by_what_it_does(command: str, effect: Effect) -> None:
    assert guessed("bash", {"command": command}) is effect


@pytest.mark.parametrize(
    ("tool", "arguments", "effect"),
    [
        ("read_file", {"path": "a"}, Effect.READS),
        ("WebSearch", {"query": "how to delete a file"}, Effect.READS),
        ("get_order_details", {}, Effect.READS),
        ("search_and_replace", {}, Effect.CHANGES),
        ("str_replace_editor", {"command": "view", "path": "a"}, Effect.READS),
        ("str_replace_editor", {"command": "str_replace", "path": "a"}, Effect.CHANGES),
        ("apply_patch", "*** Begin", Effect.CHANGES),
        ("cancel_reservation", {}, Effect.CHANGES),
        ("browser_click", {}, Effect.CHANGES),
        ("python_interpreter", {"code": "print(1 + 1)"}, Effect.READS),
        ("python_interpreter", {"code": "df.to_csv('a.csv')"}, Effect.CHANGES),
        ("ask_expert", {}, Effect.READS),
        ("execute_command", {"cmd": "rm a"}, Effect.CHANGES),
        ("run_python_code", "print(1)", Effect.READS),
        ("frobnicate", {}, Effect.UNSURE),
    ],
)
def test_a_tool_is_judged_by_its_name_and_its_action(tool: str, arguments: JsonValue, effect: Effect) -> None:
    assert guessed(tool, arguments) is effect


def test_what_somebody_saw_counts_more_than_the_name() -> None:
    said = Observed("a", None, SpanKind.TOOL, "edit_file", changed=False)

    assert effect_of(said, failed=False) is Effect.READS


def test_a_changing_tool_that_failed_changed_nothing_but_a_failed_script_may_have() -> None:
    assert guessed("edit_file", {}, failed=True) is Effect.READS
    assert guessed("bash", "rm a b", failed=True) is Effect.CHANGES
