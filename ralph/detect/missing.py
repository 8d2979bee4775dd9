"""What to add to a repo that has no check at all: the smallest example that works, in the repo's own language.

Each example is a file to add and the lines of `ralph.toml` that run it. Languages are told by file endings.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ralph.detect.tree import Folder, open_tree

SETTINGS = "ralph.toml"
MAX_LANGUAGES = 2


@dataclass(frozen=True)
class Example:
    """A test that passes as it stands, and the command that runs it."""

    language: str
    endings: tuple[str, ...]
    file: str
    text: str
    name: str
    command: str
    before: str = ""  # what has to be there, in words

    def settings(self) -> str:
        return f'[[checks]]\nname = "{self.name}"\ncommand = "{self.command}"\n'


EXAMPLES = (
    Example(
        "Python",
        (".py", ".pyi", ".ipynb"),
        "tests/test_smoke.py",
        "def test_it_runs() -> None:\n    assert 1 + 1 == 2\n",
        "pytest",
        "python -m pytest -q",
        "It needs pytest (`pip install pytest`).",
    ),
    Example(
        "JavaScript",
        (".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte"),
        "test/smoke.test.mjs",
        'import assert from "node:assert";\nimport test from "node:test";\n\n'
        'test("it runs", () => {\n  assert.equal(1 + 1, 2);\n});\n',
        "test",
        "node --test",
        "It needs Node 18 or newer and no package.",
    ),
    Example(
        "Go",
        (".go",),
        "smoke_test.go",
        'package {package}\n\nimport "testing"\n\n'
        'func TestItRuns(t *testing.T) {\n\tif 1+1 != 2 {\n\t\tt.Fatal("no")\n\t}\n}\n',
        "go test",
        "go test ./...",
        "It needs a go.mod (`go mod init NAME`).",
    ),
    Example(
        "Rust",
        (".rs",),
        "tests/smoke.rs",
        "#[test]\nfn it_runs() {\n    assert_eq!(1 + 1, 2);\n}\n",
        "cargo test",
        "cargo test --quiet",
        "It needs a Cargo.toml (`cargo init`).",
    ),
    Example(
        "Ruby",
        (".rb",),
        "test/smoke_test.rb",
        'require "minitest/autorun"\n\nclass SmokeTest < Minitest::Test\n'
        "  def test_it_runs\n    assert_equal 2, 1 + 1\n  end\nend\n",
        "test",
        "ruby test/smoke_test.rb",
    ),
    Example(
        "Shell",
        (".sh", ".bash", ".bats"),
        "test.sh",
        '#!/usr/bin/env bash\nset -euo pipefail\nresult=$((1 + 1))\n[ "$result" -eq 2 ]\n',
        "test",
        "bash test.sh",
    ),
)
ANYTHING = Example(
    "any language",
    (),
    "check.sh",
    "#!/usr/bin/env bash\nset -euo pipefail\n# Fail with an exit code other than 0 when something is not as it should be.\ntest -s README.md\n",
    "check",
    "bash check.sh",
)


def smallest_example(repo: Path) -> str:
    """What to add, ready to print: for the languages that most files are written in, else for any command."""
    root = open_tree(repo)
    chosen = _languages(root) or [ANYTHING]
    head = "No quality check was found. Ralph commits only what its checks pass, so add one, for example:"
    tail = "Then replace the example with tests of what the code does, and commit both files."
    return "\n\n".join([head, *(_shown(example, root) for example in chosen), tail])


def _languages(root: Folder) -> list[Example]:
    endings = Counter(PurePosixPath(name).suffix.lower() for name in root.names)
    counted = [(sum(endings[ending] for ending in example.endings), example) for example in EXAMPLES]
    found = sorted((pair for pair in counted if pair[0]), key=lambda pair: -pair[0])
    return [example for _, example in found[:MAX_LANGUAGES]]


def _shown(example: Example, root: Folder) -> str:
    title = f"{example.language}: add {example.file}"
    text = example.text.replace("{package}", _go_package(root)) if example.language == "Go" else example.text
    parts = [title + (f". {example.before}" if example.before else ""), _indented(text)]
    return "\n\n".join([*parts, f"and to {SETTINGS}", _indented(example.settings())])


def _go_package(root: Folder) -> str:
    """The name that the Go files beside the test have, which it must have as well."""
    beside = (root.text(name, 64_000) for name in root.listed if name.endswith(".go") and "/" not in name)
    found = (re.search(r"^package (\w{1,80})", text, re.MULTILINE) for text in beside)
    return next((match.group(1) for match in found if match), "main")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.rstrip("\n").split("\n"))
