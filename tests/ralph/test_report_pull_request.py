"""A pull request from the report: a real push to a real remote, and a `gh` that keeps state and writes down how it was called."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ralph.errors import RalphError
from ralph.home import Home, find_home
from ralph.report.pull_request import BEGIN, END, MOST_BYTES, pull_request, with_report
from ralph.settings.load import user_settings

GH = """#!{python}
import json, os, sys
state_file = {state!r}
state = json.load(open(state_file))
args = sys.argv[1:]
state["calls"].append(args)
state["env"] = sorted(os.environ)
option = lambda name: args[args.index(name) + 1]
code = 0
if not state["logged_in"]:
    print("To get started with GitHub CLI, please run:  gh auth login", file=sys.stderr)
    code = 1
elif args[:2] == ["pr", "list"]:
    print("warning: a line that is no JSON", file=sys.stderr)
    print(json.dumps([one for one in state["pulls"] if one["head"] == option("--head")]))
elif args[:2] == ["pr", "create"]:
    number = len(state["pulls"]) + 1
    url = "https://github.com/sam/shop/pull/%d" % number
    state["pulls"].append({{"number": number, "url": url, "title": option("--title"), "head": option("--head"),
        "baseRefName": option("--base"), "body": open(option("--body-file")).read()}})
    print(url)
elif args[0] == "api":
    state["pulls"][int(args[args.index("PATCH") + 1].rsplit("/", 1)[1]) - 1].update(json.load(open(option("--input"))))
json.dump(state, open(state_file, "w"))
sys.exit(code)
"""
PRD = {
    "project": "Shop",
    "branchName": "ralph/shop",
    "userStories": [
        {"id": "US-001", "title": "Cart", "description": "", "acceptanceCriteria": ["works"], "priority": 1, "passes": False},
        {"id": "US-002", "title": "Date", "description": "", "acceptanceCriteria": ["works"], "priority": 2, "passes": False},
    ],
}  # fmt: skip


def git(folder: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


class World:
    """A clone with Ralph's branch in it, the bare remote that it is pushed to, and GitHub as far as `gh` shows it."""

    def __init__(self, folder: Path) -> None:
        self.remote, self.repo, self.state = folder / "remote.git", folder / "shop", folder / "github.json"
        self.state.write_text(json.dumps({"logged_in": True, "pulls": [], "calls": [], "env": []}))
        subprocess.run(["git", "init", "-q", "--bare", str(self.remote)], check=True)
        subprocess.run(["git", "clone", "-q", str(self.remote), str(self.repo)], check=True, capture_output=True)
        git(self.repo, "switch", "-q", "-c", "main")
        (self.repo / "prd.json").write_text(json.dumps(PRD))
        git(self.repo, "add", ".")
        git(self.repo, "commit", "-qm", "Start")
        git(self.repo, "push", "-q", "origin", "main")
        git(self.repo, "branch", "ralph/shop")
        programs = folder / "programs"
        programs.mkdir()
        self.gh = programs / "gh"
        self.gh.write_text(GH.format(python=sys.executable, state=str(self.state)))
        self.gh.chmod(0o755)
        self.path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def done(self, story: str, title: str) -> None:
        git(self.repo, "switch", "-q", "ralph/shop")
        (self.repo / f"{story}.txt").write_text(title)
        git(self.repo, "add", ".")
        git(self.repo, "commit", "-qm", f"feat: [{story}] - {title}\n\nIt works.\n\nRalph-Story: {story}")
        git(self.repo, "switch", "-q", "main")

    def github(self) -> "dict[str, list[dict[str, str]]]":
        found: dict[str, list[dict[str, str]]] = json.loads(self.state.read_text())
        return found

    def edit(self, **changes: object) -> None:
        self.state.write_text(json.dumps(self.github() | changes))

    def ask(self, home: Home) -> str:
        return pull_request(home, user_settings(home), self.repo)


@pytest.fixture
def home() -> Home:
    home = find_home()
    home.config.write_text("[report]\npull_request = true\n")
    return home


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setenv("PATH", made.path)
    return made


def test_it_pushes_and_opens_one_with_the_report_as_its_body(world: World, home: Home) -> None:
    world.done("US-001", "Cart")
    said = world.ask(home)
    assert said == "opened https://github.com/sam/shop/pull/1 with 1 story, to be merged into main"
    (pull,) = world.github()["pulls"]
    assert (pull["title"], pull["head"], pull["baseRefName"]) == ("Ralph: 1 story on ralph/shop", "ralph/shop", "main")
    assert pull["body"].startswith(BEGIN)
    assert "## 1 story done" in pull["body"]
    assert "**US-001 Cart**" in pull["body"]
    assert "It works." in pull["body"]
    assert str(world.repo) not in pull["body"]
    assert git(world.remote, "rev-parse", "ralph/shop") == git(world.repo, "rev-parse", "ralph/shop")


def test_the_second_time_it_is_updated_and_what_people_wrote_stays(world: World, home: Home) -> None:
    world.done("US-001", "Cart")
    world.ask(home)
    (pull,) = world.github()["pulls"]
    world.edit(pulls=[pull | {"body": f"Please look at the cart.\r\n\r\n{pull['body']}\r\nThanks, Sam"}])
    world.done("US-002", "Date")
    assert world.ask(home) == "updated https://github.com/sam/shop/pull/1"
    (pull,) = world.github()["pulls"]
    assert pull["title"] == "Ralph: 2 stories on ralph/shop"
    assert pull["body"].startswith("Please look at the cart.\n\n" + BEGIN)
    assert pull["body"].rstrip().endswith("Thanks, Sam")
    assert pull["body"].count(BEGIN) == pull["body"].count(END) == 1


def test_a_title_that_a_person_gave_stays(world: World, home: Home) -> None:
    world.done("US-001", "Cart")
    world.ask(home)
    world.edit(pulls=[world.github()["pulls"][0] | {"title": "The cart, at last"}])
    world.done("US-002", "Date")
    world.ask(home)
    assert world.github()["pulls"][0]["title"] == "The cart, at last"


def test_it_is_never_forced(world: World, home: Home, tmp_path: Path) -> None:
    world.done("US-001", "Cart")
    world.ask(home)
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "-q", "-b", "ralph/shop", str(world.remote), str(other)], check=True)
    git(other, "commit", "-q", "--allow-empty", "-m", "By a colleague")
    git(other, "push", "-q", "origin", "ralph/shop")
    theirs = git(world.remote, "rev-parse", "ralph/shop")
    world.done("US-002", "Date")
    with pytest.raises(RalphError, match=r"could not be pushed to origin: .*rejected.*Ralph never forces a push"):
        world.ask(home)
    assert git(world.remote, "rev-parse", "ralph/shop") == theirs


def test_without_the_setting_nothing_is_pushed_and_the_setting_is_named(world: World, home: Home) -> None:
    world.done("US-001", "Cart")
    home.config.write_text("")
    with pytest.raises(RalphError, match=r"\[report\]\npull_request = true"):
        world.ask(home)
    assert git(world.remote, "branch", "--list", "ralph/shop") == ""
    assert world.github()["calls"] == []


def test_a_repository_cannot_allow_it_itself(world: World, home: Home) -> None:
    world.done("US-001", "Cart")
    home.config.write_text("")
    (world.repo / "ralph.toml").write_text("[report]\npull_request = true\n")
    with pytest.raises(RalphError):
        world.ask(home)
    assert git(world.remote, "branch", "--list", "ralph/shop") == ""


def test_without_a_login_nothing_is_pushed(world: World, home: Home) -> None:
    world.done("US-001", "Cart")
    world.edit(logged_in=False)
    with pytest.raises(RalphError, match=r"gh is not logged in\. Run: gh auth login"):
        world.ask(home)
    assert git(world.remote, "branch", "--list", "ralph/shop") == ""


def test_without_gh_it_is_said_how_to_get_it(world: World, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # fmt: skip
    world.done("US-001", "Cart")
    only_git = tmp_path / "only-git"
    only_git.mkdir()
    for name in ("git", "env"):
        (only_git / name).symlink_to(Path("/usr/bin") / name)
    monkeypatch.setenv("PATH", str(only_git))
    with pytest.raises(RalphError, match=r"not installed\. Install it"):
        world.ask(home)


def test_a_branch_with_nothing_new_asks_for_nothing(world: World, home: Home) -> None:
    with pytest.raises(RalphError, match="ralph/shop has no story that main does not have"):
        world.ask(home)
    assert world.github()["calls"] == []


def test_what_the_repository_names_is_not_run_by_the_push(world: World, home: Home, tmp_path: Path) -> None:
    world.done("US-001", "Cart")
    ran = tmp_path / "ran"
    script = tmp_path / "run.sh"
    script.write_text(f'#!/bin/sh\necho "$0" >> {ran}\nexit 1\n')
    script.chmod(0o755)
    (world.repo / ".git/hooks").mkdir(exist_ok=True)
    (world.repo / ".git/hooks/pre-push").symlink_to(script)
    for name in ("core.fsmonitor", "core.sshCommand", "remote.origin.receivepack", "credential.helper", "core.pager", "gpg.program"):  # fmt: skip
        git(world.repo, "config", name, str(script))
    world.ask(home)
    assert not ran.exists()
    assert git(world.remote, "branch", "--list", "ralph/shop")


def test_gh_gets_its_own_variables_and_no_key_of_a_model(world: World, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    world.done("US-001", "Cart")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("GH_TOKEN", "for-gh")
    world.ask(home)
    seen = set(map(str, world.github()["env"]))
    assert {"GH_TOKEN", "GH_PROMPT_DISABLED"} <= seen
    assert not {"ANTHROPIC_API_KEY", "RALPH_HOME"} & seen


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("", f"{BEGIN}\nnew\n{END}\n", id="empty"),
        pytest.param("Mine.", f"Mine.\n\n{BEGIN}\nnew\n{END}\n", id="theirs"),
        pytest.param(f"a\n{BEGIN}\nold\n{END}\nb", f"a\n{BEGIN}\nnew\n{END}\nb", id="both"),
        pytest.param(f"a\n{BEGIN}\nno end", f"a\n{BEGIN}\nno end\n\n{BEGIN}\nnew\n{END}\n", id="torn"),
    ],
)
def test_the_report_stands_between_its_markers(body: str, expected: str) -> None:
    assert with_report(body, "new") == expected
    assert with_report(expected, "new") == expected


def test_a_body_is_never_longer_than_github_takes() -> None:
    body = with_report("Mine. " * 5_000, "a line of it\n" * 20_000)
    assert len(body.encode()) <= MOST_BYTES
    assert body.startswith("Mine.")
    assert END in body
