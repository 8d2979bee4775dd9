"""Protected files: by the parts that matter, and by what the story speaks of."""

import pytest

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD
from ralph.integrity.permit import Permit
from ralph.integrity.protected import protected_changes

PYPROJECT = """[project]
name = "x"
dependencies = ["a"]
[tool.pytest.ini_options]
addopts = "-ra --strict-markers"
[tool.coverage.report]
fail_under = 90
[tool.ruff.lint]
select = ["E", "F"]
ignore = ["E501"]
[tool.mypy]
strict = true
"""
MAKEFILE = "test:\n\tpytest -q\n\nclean:\n\trm -rf build\n\ncheck: test lint\n"
PACKAGE = '{"version":"1","scripts":{"test":"jest","lint":"eslint .","start":"node ."},"jest":{"coverageThreshold":{"global":{"lines":80}}},"dependencies":{"a":"1"}}'
WORKFLOW = "name: ci\njobs:\n  test:\n    steps:\n      - run: pytest\n"
PATHS = {
    PYPROJECT: "pyproject.toml",
    MAKEFILE: "Makefile",
    PACKAGE: "package.json",
    WORKFLOW: ".github/workflows/ci.yml",
}


def weight_of(
    path: str, old: str | None, new: str | None, story: str = "Carts have totals", extra: tuple[str, ...] = ()
) -> int:
    sides = [text.encode() if text is not None else None for text in (old, new)]
    change = Change((FileChange(path, sides[0], sides[1], path if old is not None else ""),))
    return sum(item.weight for item in protected_changes(change, Permit(story), extra))


LOOSER = [
    pytest.param(PYPROJECT, "= 90", "= 80", id="threshold-lowered"),
    pytest.param(PYPROJECT, "-ra", "-ra --deselect tests/a.py", id="deselected"),
    pytest.param(PYPROJECT, "strict = true", "strict = false", id="strict-off"),
    pytest.param(PYPROJECT, '"E", "F"', '"E"', id="rule-dropped"),
    pytest.param(PYPROJECT, '"E501"', '"E501", "F401"', id="rule-ignored"),
    pytest.param(PYPROJECT, "[tool.mypy]\nstrict = true\n", "", id="table-gone"),
    pytest.param(MAKEFILE, "pytest -q", "pytest -q || true", id="make-or-true"),
    pytest.param(MAKEFILE, "\tpytest", "\t-pytest", id="make-dash"),
    pytest.param(MAKEFILE, "check: test lint", "check: lint", id="make-without-tests"),
    pytest.param(PACKAGE, '"jest",', '"jest --passWithNoTests",', id="jest-without-tests"),
    pytest.param(PACKAGE, '"eslint ."', '"exit 0"', id="no-lint"),
    pytest.param(PACKAGE, "80", "50", id="jest-threshold"),
    pytest.param(WORKFLOW, "pytest", "pytest\n        continue-on-error: true", id="ci-goes-on"),
]


@pytest.mark.parametrize(("text", "old", "new"), LOOSER)
def test_a_check_that_asks_for_less_is_refused(text: str, old: str, new: str) -> None:
    assert weight_of(PATHS[text], text, text.replace(old, new, 1)) >= HARD


HARMLESS = [
    pytest.param(PYPROJECT, '["a"]', '["a", "b"]', id="dependency"),
    pytest.param(PYPROJECT, "= 90", "= 95", id="threshold-raised"),
    pytest.param(PYPROJECT, '"E", "F"', '"E", "F", "B"', id="rule-added"),
    pytest.param(PYPROJECT, "[project]", "# note\n[project]", id="comment"),
    pytest.param(PYPROJECT, "strict = true", 'strict = true\n[[tool.mypy.overrides]]\nmodule = ["foo.*"]\nignore_missing_imports = true', id="untyped-library"),
    pytest.param(PYPROJECT, "strict = true", "strict = true\n[tool.black]\nline-length = 100", id="new-tool"),
    pytest.param(MAKEFILE, "rm -rf build", "rm -rf build || true", id="make-clean"),
    pytest.param(MAKEFILE, "clean:", "docs:\n\tmkdocs\n\nclean:", id="make-docs"),
    pytest.param(PACKAGE, '"a":"1"', '"a":"2"', id="npm-dependency"),
    pytest.param(PACKAGE, '"node ."', '"node index.js"', id="npm-start"),
    pytest.param(PACKAGE, '"eslint ."', '"eslint . --max-warnings 0"', id="lint-stricter"),
    pytest.param(WORKFLOW, "- run: pytest\n", "- run: pytest\n  lint:\n    steps:\n      - run: ruff check\n", id="ci-job-more"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new"), HARMLESS)
def test_what_checks_do_not_read_or_what_asks_for_more_is_let_pass(text: str, old: str, new: str) -> None:
    assert weight_of(PATHS[text], text, text.replace(old, new, 1)) < HARD


@pytest.mark.parametrize(
    ("story", "allowed"),
    [
        ("Lower the coverage threshold to 80", True),
        ("Change pyproject.toml as the team agreed", True),
        ("Coverage stays above 90", False),
        ("Add carts; coverage passes", False),
    ],
)
def test_only_a_story_that_asks_for_the_change_allows_it(story: str, allowed: bool) -> None:
    assert (weight_of("pyproject.toml", PYPROJECT, PYPROJECT.replace("90", "80"), story) < HARD) is allowed


@pytest.mark.parametrize(
    "path", ["prd.json", "ralph.toml", ".claude/settings.json", ".husky/pre-commit", ".gitlab-ci.yml"]
)
def test_a_file_that_judges_the_work_is_not_the_works_to_change(path: str) -> None:
    assert weight_of(path, "a: 1\n", "a: 2\n") >= HARD


def test_the_users_own_globs_are_protected_too() -> None:
    assert weight_of("migrations/0001.sql", "a", "b", extra=("migrations/",)) >= HARD
    assert weight_of("src/app.sql", "a", "b", extra=("migrations/",)) == 0
