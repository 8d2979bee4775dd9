"""`ralph prd check`, `show`, `add` and `convert` as a person runs them in a folder."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prd.errors import PrdError
from ralph.cli.main import cli
from ralph.errors import ExitCode, RalphError

SHOP = """{
  "project": "Shop",
  "branchName": "ralph/shop",
  "qualityGates": ["npm test"],
  "stories": [
    {"id": "US-001", "title": "Cart", "priority": 1, "passes": true, "acceptanceCriteria": ["adds up"]},
    {"id": "US-002", "title": "Pay", "priority": 2, "passes": false, "dependsOn": ["US-001"], "description": "By card",
     "acceptanceCriteria": ["a receipt"], "notes": "see docs", "technicalNotes": "use the helper"},
    {"id": "US-003", "title": "Ship", "priority": 3, "passes": false, "dependsOn": ["US-002"]}
  ]
}
"""
BROKEN = '{"userStories": [{"id": "A", "titel": "T"}]}'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    here = tmp_path / "shop"
    (here / "docs" / "plans").mkdir(parents=True)
    (here / "prd.json").write_text(SHOP)
    monkeypatch.chdir(here)
    return here


def ralph(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["prd", *arguments], standalone_mode=False)


def output(*arguments: str) -> str:
    result = ralph(*arguments)
    if result.exception:
        raise result.exception
    return result.stdout


GATES = '  note: the PRD names quality commands: "npm test"; Ralph does not run them, put them into ralph.toml\n'


def test_check_tells_how_the_prd_of_this_folder_stands_and_how_it_was_read() -> None:
    result = ralph("check")
    assert (result.return_value, result.output) == (
        ExitCode.ALL_DONE,
        f"prd.json: 3 stories, 1 done, next US-002\n{GATES}",
    )


def test_check_takes_several_files_and_folders_and_says_whether_all_are_good(folder: Path) -> None:
    (folder / "docs/plans/a.md").write_text("- [ ] A\n")
    (folder / "docs/plans/b.md").write_text("Only words.\n")
    (folder / "docs/plans/c.txt").write_text("no PRD\n")
    (folder / "bad.json").write_text(BROKEN)
    result = ralph("check", ".", "docs/plans", "bad.json")
    assert result.return_value == ExitCode.USAGE
    assert (
        result.stdout == f"prd.json: 3 stories, 1 done, next US-002\n{GATES}docs/plans/a.md: 1 story, 0 done, next a\n"
    )
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == ["docs/plans/b.md:1:1", "bad.json:1:30"]
    assert ralph("check", "prd.json", "docs/plans/a.md").return_value == ExitCode.ALL_DONE


def test_check_says_which_of_several_it_took(folder: Path) -> None:
    (folder / "prd.json").unlink()
    (folder / "PRD.md").write_text("Only words.\n")
    for name in "ab":
        (folder / f"docs/plans/{name}.md").write_text("- [ ] A\n")
    lines = output("check").splitlines()
    assert lines[0] == "docs/plans/a.md: 1 story, 0 done, next a"
    assert lines[1] == "  note: passed over PRD.md: no story in it"
    assert lines[2].startswith("  note: took docs/plans/a.md, one of 2 at its place")


def test_check_of_a_folder_without_a_prd_is_refused(folder: Path) -> None:
    with pytest.raises(PrdError, match=r"docs: there is no PRD in this folder\. Name the file itself"):
        output("check", "docs")


def test_show_tells_every_story_as_it_is_read() -> None:
    assert output("show") == (
        "prd.json: 3 stories, 1 done, next US-002\n"
        "JSON, stories under stories; project Shop; branch ralph/shop\n"
        f"{GATES.strip()}\n"
        "\nUS-001  Cart\n    done: the PRD says so\n"
        "\nUS-002  Pay\n    next: the only story that can be worked on\n    priority 2; depends on US-001\n    By card\n"
        "    - a receipt\n    technicalNotes: use the helper\n    notes: see docs\n"
        "\nUS-003  Ship\n    waits for US-002 (not done)\n    priority 3; depends on US-002\n"
    )


def test_show_of_one_story_tells_all_of_it_and_where_it_stands() -> None:
    told = output("show", "--story", "US-001")
    assert "\nUS-001  Cart\n    prd.json:6:5\n    done: the PRD says so\n    priority 1\n    - adds up\n" in told
    assert "US-002  Pay" not in told
    with pytest.raises(RalphError, match=r'prd.json has no story "US-009"\. Its stories are US-001, US-002, US-003.'):
        output("show", "--story", "US-009")


def test_show_as_json_has_everything() -> None:
    told = json.loads(output("show", "--json"))
    assert (told["prd"], told["branch_name"], told["dialect"]) == (
        "prd.json",
        "ralph/shop",
        "JSON, stories under stories",
    )
    assert [(story["id"], story["verdict"], story["place"]) for story in told["stories"]] == [
        ("US-001", "done", "prd.json:6:5"),
        ("US-002", "next", "prd.json:7:5"),
        ("US-003", "waits for", "prd.json:9:5"),
    ]
    assert told["stories"][1]["acceptance_criteria"] == ["a receipt"]


def test_show_lets_nothing_repaint_the_terminal(folder: Path) -> None:
    (folder / "odd.json").write_text(
        json.dumps([{"title": "A", "description": "red \x1b[31m", "acceptanceCriteria": ["\x1b]0;x\x07"]}])
    )
    assert "\x1b" not in output("show", "odd.json") + output("show", "odd.json", "--story", "a")


def test_add_puts_a_story_behind_the_others_and_says_where(folder: Path) -> None:
    words = ["--criterion", "it is there", "--criterion", "so is this", "--description", "D", "--depends-on", "US-002"]
    assert output("add", "Return  it", *words) == "prd.json:10:5: added US-004, Return it\n"
    added = json.loads((folder / "prd.json").read_text())["stories"][-1]
    assert added == {
        "id": "US-004",
        "title": "Return it",
        "description": "D",
        "priority": 4,
        "passes": False,
        "dependsOn": ["US-002"],
        "acceptanceCriteria": ["it is there", "so is this"],
    }
    assert (folder / "prd.json").read_text().startswith(SHOP.rpartition("}\n  ]")[0])


def test_add_leaves_the_file_alone_when_something_is_wrong(folder: Path) -> None:
    with pytest.raises(PrdError, match='Did you mean "US-002"'):
        output("add", "Return", "--depends-on", "us2")
    assert (folder / "prd.json").read_text() == SHOP
    (folder / "bad.json").write_text(BROKEN)
    with pytest.raises(PrdError, match='unknown key "titel"'):
        output("add", "Return", "--prd", "bad.json")
    assert (folder / "bad.json").read_text() == BROKEN


def test_convert_prints_a_prd_json_or_writes_a_new_one(folder: Path) -> None:
    (folder / "fix_plan.md").write_text("# Shop\n\n## High Priority\n- [x] Cart\n- [ ] Pay\n  - a receipt\n")
    text = output("convert", "fix_plan.md", "--to", "snarktank")
    stories = json.loads(text)["userStories"]
    assert [(story["id"], story["priority"], story["passes"]) for story in stories] == [
        ("cart", 1, True),
        ("pay", 1, False),
    ]
    assert output("convert", "fix_plan.md", "--to", "snarktank", "--out", "new.json") == (
        "wrote new.json: 2 stories, 1 done, next pay\n"
    )
    assert (folder / "new.json").read_text() == text


def test_convert_replaces_a_file_only_when_that_is_asked_for(folder: Path) -> None:
    (folder / "fix_plan.md").write_text("- [ ] Pay\n")
    words = ["convert", "fix_plan.md", "--to", "snarktank", "--out", "prd.json"]
    with pytest.raises(
        RalphError, match=r"prd.json: there is a file already. Name another one, or replace it with --force"
    ):
        output(*words)
    assert (folder / "prd.json").read_text() == SHOP
    output(*words, "--force")
    assert json.loads((folder / "prd.json").read_text())["userStories"][0]["id"] == "pay"
    with pytest.raises(
        RalphError, match=r"it cannot be written \(No such file or directory\). Name a folder that is there"
    ):
        output(*words[:-1], "nowhere/prd.json")


def test_in_a_subfolder_of_a_repo_the_prd_at_its_root_is_meant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".git").mkdir()
    (folder / "src").mkdir()
    monkeypatch.chdir(folder / "src")
    assert output("check").startswith("../prd.json: 3 stories, 1 done, next US-002\n")
    assert output("check", "prd.json").startswith("../prd.json: 3 stories")
    assert output("show").startswith("../prd.json: 3 stories")
    assert "../prd.json: " in output("lint")
    assert json.loads(output("convert", "--to", "snarktank"))["project"] == "Shop"
    assert output("add", "Refund").startswith("../prd.json:")
    assert '"Refund"' in (folder / "prd.json").read_text()


def test_lint_judges_by_the_checks_that_are_found_where_none_are_set(folder: Path) -> None:
    stories = [{"id": "A", "title": "Add a", "acceptanceCriteria": ["Typecheck passes", "it adds up to 3"]}]
    (folder / "prd.json").write_text(json.dumps({"stories": stories}))
    (folder / "package.json").write_text('{"scripts": {"test": "node --test"}}')
    told = output("lint")
    assert "Typecheck" in told
    (folder / "package.json").write_text('{"scripts": {"test": "node --test", "typecheck": "tsc --noEmit"}}')
    assert "Typecheck" not in output("lint")
