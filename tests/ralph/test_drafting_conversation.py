"""How a PRD is drafted: the real SDK, ledger, tracer, tools and git; only the model is a script."""

import subprocess
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest

from ralph.drafting.chat import NothingCameError
from ralph.drafting.desk import open_desk, read_ground
from ralph.drafting.draft import Drafted, make_draft
from ralph.drafting.judge import judge
from ralph.drafting.questions import NO_ANSWER, Answers, Question
from ralph.drafting.target import find_target
from ralph.errors import ExitCode, LimitError, RalphError
from ralph.events import Event
from ralph.home import find_home
from ralph.model.pace import Pace
from ralph.model.trouble import ServiceError
from ralph.models import Player
from ralph.replay.scripted import Request, Script, ScriptedModel
from ralph.replay.turn import Turn, calls, fails, malformed_tool_json, refuses, says, stops
from ralph.survey import RunRequest
from tracing.store import TraceStore

WISH = "export the list as CSV"
LAST = "The check pytest passes"
STORY: dict[str, object] = {
    "title": "Add `kitty csv`",
    "description": "As a traveller I want the list in a spreadsheet; kitty/cli.py gets the command.",
    "acceptanceCriteria": ["`kitty csv` prints `who,amount` and a line for each item (tests/test_csv.py)", LAST],
}


def proposal(*stories: dict[str, object], **changes: object) -> Turn:
    return calls("propose", proposed(*stories, **changes))


def proposed(*stories: dict[str, object], **changes: object) -> dict[str, object]:
    return {
        "project": "Kitty",
        "branch": "ralph/csv",
        "description": "A list that spreadsheets read.",
        "stories": [STORY | story for story in stories or ({},)],
    } | changes


def ask(*questions: str) -> Turn:
    return calls("ask", {"questions": [{"question": one, "suggestions": ["yes", "no"]} for one in questions]})


class Bench:
    """A small repository with a check, something ignored and something secret."""

    def __init__(self, folder: Path) -> None:
        self.repo = folder / "kitty"
        (self.repo / "kitty").mkdir(parents=True)
        self.put("kitty/cli.py", "def main() -> int:\n    return 0\n")
        self.put("README.md", "# Kitty\nWho paid what.\n")
        self.put("AGENTS.md", "Amounts are integers of cents.\n")
        self.put("ralph.toml", '[[checks]]\nname = "pytest"\ncommand = "python -m pytest"\n')
        self.put(".gitignore", ".cache\n")
        self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-qm", "Start")
        self.put(".cache", "token=hunter2\n")
        self.put(".env", "TOKEN=hunter3\n")
        self.events: list[Event] = []
        self.before = self.files()

    def put(self, name: str, text: str) -> None:
        (self.repo / name).write_text(text, encoding="utf-8")

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.repo, check=True, capture_output=True)

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.repo)): path.read_bytes()
            for path in self.repo.rglob("*")
            if path.is_file() and ".git" not in path.parts
        }

    def request(self, limit: str = "5.00") -> RunRequest:
        return RunRequest(self.repo, overrides={"limits.per_run_usd": limit, "sandbox": "none"})

    def draft(
        self, script: Sequence[Turn] | Script, answers: Answers | None = None, *, limit: str = "5.00", wish: str = WISH
    ) -> Drafted:
        self.service = ScriptedModel(script)
        ground = read_ground(self.request(limit))
        target = find_target(self.repo, None)
        playing = nullcontext(Player("scripted", self.service.transport()))
        pace = Pace(sleep=lambda _seconds, _cancel: None)
        with open_desk(ground, self.request(limit), self.events.append, player=playing, pace=pace) as desk:
            return make_draft(desk, wish, target, answers or Answers())

    def said(self, number: int = -1) -> list[dict[str, Any]]:
        """The blocks of the last message of a request."""
        messages = cast("list[dict[str, Any]]", self.service.requests[number]["messages"])
        return cast("list[dict[str, Any]]", messages[-1]["content"])

    def result(self, number: int = -1) -> str:
        return str(self.said(number)[0]["content"])

    def trace_status(self) -> str:
        store = TraceStore.open(find_home().traces_db)
        try:
            (row,) = store.traces()
            return str(row.status)
        finally:
            store.close()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_draft_is_made_from_the_code_and_the_answers_of_a_person(bench: Bench) -> None:
    asked: list[tuple[Question, int, int]] = []

    def person(question: Question, number: int, of: int) -> str:
        asked.append((question, number, of))
        return "semicolons" if number == 1 else ""

    script = [calls("read", {"file_path": "kitty/cli.py"}), ask("Which separator?", "A header?"), proposal()]
    drafted = bench.draft(script, Answers(person=person))
    assert "def main" in bench.result(1)
    assert [(one.question, number, of) for one, number, of in asked] == [
        ("Which separator?", 1, 2),
        ("A header?", 2, 2),
    ]
    assert bench.result(2) == f"1. Which separator?\nsemicolons\n\n2. A header?\n{NO_ANSWER}"
    (story,) = drafted.draft.prd.stories
    assert (story.id, story.priority, story.passes, drafted.draft.prd.branch_name) == ("US-001", 1, False, "ralph/csv")
    assert drafted.draft.findings == ()
    assert 0 < drafted.cost_usd < 0.1
    assert bench.files() == bench.before


def test_the_first_message_has_the_wish_the_files_the_readme_the_rules_and_the_checks(bench: Bench) -> None:
    bench.draft([proposal()])
    told = str(bench.said()[0]["text"])
    for words in (WISH, "kitty/: cli.py", "Who paid what.", "integers of cents", "- pytest: `python -m pytest`"):
        assert words in told
    assert "hunter" not in told


def test_where_nobody_can_answer_the_model_has_no_tool_to_ask_and_is_told_to_name_its_assumptions(bench: Bench) -> None:
    bench.draft([ask("Which separator?"), proposal()])
    tools = cast("list[dict[str, object]]", bench.service.requests[0]["tools"])
    assert [tool["name"] for tool in tools] == ["read", "grep", "glob", "propose"]
    assert "name your assumptions in the description of the PRD" in str(bench.said(0)[0]["text"])
    assert bench.result(1) == "No such tool: ask. Available: read, grep, glob, propose."


def test_answers_that_were_given_beforehand_are_used_in_order(bench: Bench) -> None:
    bench.draft([ask("Separator?"), ask("Header?", "Sorted?"), proposal()], Answers(["comma", "yes"]))
    assert bench.result(1) == "1. Separator?\ncomma"
    assert bench.result(2) == f"1. Header?\nyes\n\n2. Sorted?\n{NO_ANSWER}"


@pytest.mark.parametrize(
    ("rounds", "problem"),
    [
        pytest.param([ask(*"abcde")], "ask: 1 to 4 questions at a time; these are 5.", id="too-many-at-once"),
        pytest.param([ask("a"), ask("b"), ask("c")], "ask: 2 rounds of questions were asked.", id="too-many-rounds"),
    ],
)
def test_a_person_is_not_asked_too_much(bench: Bench, rounds: list[Turn], problem: str) -> None:
    bench.draft([*rounds, proposal()], Answers(person=lambda _question, _number, _of: "yes"))
    assert bench.result().startswith(problem)


def test_files_that_git_ignores_or_that_hold_secrets_are_not_shown_to_the_model(bench: Bench) -> None:
    (bench.repo / "link.txt").symlink_to(".cache")
    names = [".cache", ".env", "link.txt", ".git/config", "/etc/hostname"]
    reads = [("read", {"file_path": name}) for name in names]
    bench.draft([calls("grep", {"pattern": "hunter"}, *reads), proposal()])
    results = bench.said(1)
    assert len(results) == 6
    assert all("hunter" not in str(one["content"]) for one in results)
    assert [one["is_error"] for one in results[1:]] == [True] * 5


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(proposal(stories=[]), "stories: 0 of them. Propose 1 to 30", id="none"),
        pytest.param(proposal(*[{}] * 31), "stories: 31 of them", id="too-many"),
        pytest.param(proposal({"title": " "}), "story #1: the title is empty.", id="no-title"),
        pytest.param(proposal({"acceptanceCriteria": []}), "story #1: it needs at least one", id="no-criteria"),
        pytest.param(proposal({"dependsOn": ["#2"]}, {"title": "Two"}), 'dependsOn "#2" is neither', id="later"),
        pytest.param(proposal({"dependsOn": ["US-009"]}), 'dependsOn "US-009" is neither', id="unknown"),
        pytest.param(calls("propose", {"project": "x"}), "required parameter `branch` is missing", id="schema"),
        pytest.param(malformed_tool_json("propose"), "the input is not valid JSON", id="not-json"),
        pytest.param(
            calls("propose", proposed(), ("read", {"file_path": "README.md"})), "then propose alone", id="not-alone"
        ),
    ],
)
def test_a_proposal_that_makes_no_prd_goes_back_with_the_reason(bench: Bench, bad: Turn, reason: str) -> None:
    drafted = bench.draft([bad, proposal()])
    assert reason in bench.result()
    assert len(drafted.draft.prd.stories) == 1


def test_a_branch_name_that_git_does_not_take_is_mended(bench: Bench) -> None:
    assert bench.draft([proposal(branch="ralph/csv export..")]).draft.prd.branch_name == "ralph/csv-export"


def test_weak_spots_go_back_twice_and_then_stay_as_findings(bench: Bench) -> None:
    weak = proposal({"acceptanceCriteria": ["The export works properly", LAST]})
    drafted = bench.draft([weak, weak, weak])
    assert 'story #1: "The export works properly": "works properly" can be read in many ways.' in bench.result(1)
    assert len(bench.service.requests) == 3
    assert [one.story_id for one in drafted.draft.findings] == ["US-001"]


def test_a_model_that_mends_its_weak_spots_leaves_no_findings(bench: Bench) -> None:
    weak = proposal({"acceptanceCriteria": ["The export works properly", LAST]})
    assert bench.draft([weak, proposal()]).draft.findings == ()


def test_dependencies_become_the_ids_of_the_stories(bench: Bench) -> None:
    drafted = bench.draft([proposal({}, {"title": "Add `kitty csv --sorted`", "dependsOn": ["#1", "#1"]})])
    assert [story.depends_on for story in drafted.draft.prd.stories] == [(), ("US-001",)]


ENDINGS: list[Any] = [
    pytest.param([says("Here it is.")] * 3, NothingCameError, 1, "stopped without handing in", "error", id="no-call"),
    pytest.param([refuses("cyber")], NothingCameError, 1, "the model refused", "error", id="refusal"),
    pytest.param([stops("max_tokens")] * 2, NothingCameError, 1, "cut off", "error", id="cut"),
    pytest.param([calls("nonsense", {})] * 3, NothingCameError, 1, "no valid tool call", "error", id="format"),
    pytest.param([fails(401)], ServiceError, 4, "refused", "error", id="no-key"),
]


@pytest.mark.parametrize(("script", "kind", "code", "words", "status"), ENDINGS)
def test_a_conversation_that_leads_to_nothing_says_why_and_leaves_everything_as_it_was(
    bench: Bench, script: list[Turn], kind: type[RalphError], code: int, words: str, status: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        bench.draft(script)
    assert caught.value.exit_code == ExitCode(code)
    assert bench.trace_status() == status
    assert bench.files() == bench.before


def test_a_model_that_looks_around_for_ever_is_stopped(bench: Bench) -> None:
    def look(request: Request) -> Turn:
        return calls("glob", {"pattern": f"word{request.number}"})

    with pytest.raises(NothingCameError, match="30 turns were not enough"):
        bench.draft(look)


def test_a_draft_never_costs_more_than_its_limit_and_ends_as_over_budget(bench: Bench) -> None:
    turns = [calls("glob", {"pattern": f"w{number}"}).costing(4_000) for number in range(20)]
    with pytest.raises(LimitError, match=r"The run limit of \$0.3\d? .*Nothing was written"):
        bench.draft(turns, limit="0.30")
    assert bench.trace_status() == "over_budget"
    assert bench.files() == bench.before


def test_the_model_is_told_once_when_the_money_is_nearly_spent(bench: Bench) -> None:
    looks = [calls("glob", {"pattern": f"w{number}"}).costing(5_000) for number in range(8)]
    bench.draft([*looks, proposal()], limit="1.00")
    told = str(bench.service.requests[-1]["messages"])
    assert told.count("Most of the budget is spent. Call `propose` now") == 1


def test_the_trace_has_the_wish_every_call_and_the_draft(bench: Bench) -> None:
    drafted = bench.draft([calls("read", {"file_path": "README.md"}), proposal()])
    store = TraceStore.open(find_home().traces_db)
    try:
        found = store.trace(drafted.trace_id)
    finally:
        store.close()
    assert (found.trace.agent_id, str(found.trace.status)) == ("ralph-prd", "success")
    assert found.trace.metadata["ralph.story.title"] == f"draft: {WISH}"
    names = [span.name for span in found.spans]
    assert sorted(set(names)) == [
        "chat claude-opus-5-5",
        "execute_tool propose",
        "execute_tool read",
        "invoke_agent ralph-prd",
    ]


def test_ctrl_c_at_a_question_ends_the_trace_as_interrupted(bench: Bench) -> None:
    def person(_question: Question, _number: int, _of: int) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.draft([ask("Which separator?"), proposal()], Answers(person=person))
    assert bench.trace_status() == "interrupted"
    assert bench.files() == bench.before


def test_a_judge_names_stories_of_the_prd_only(bench: Bench) -> None:
    prd = bench.draft([proposal()]).draft.prd
    found = {"story": "US-001", "kind": "too_big", "what": "Two things.", "remedy": "Cut it."}
    service = ScriptedModel(
        [calls("report", {"findings": [found | {"story": "US-7"}]}), calls("report", {"findings": [found]})]
    )
    playing = nullcontext(Player("scripted", service.transport()))
    with open_desk(read_ground(bench.request()), bench.request(), bench.events.append, player=playing) as desk:
        judged = judge(desk, prd, "prd.json")
    assert [(one.story_id, one.what, one.remedy) for one in judged.findings] == [
        ("US-001", "too big: Two things.", "Cut it.")
    ]
    assert "no open story is called US-7" in str(service.requests[1]["messages"])
