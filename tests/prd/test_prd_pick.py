"""Which story is next, and the words that say why."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prd.check import summary_line
from prd.pick import Verdict, pick
from prd.story import Prd, Story


def a_story(story_id: str, priority: int | None = None, *, passes: bool = False, after: str = "") -> Story:
    return Story(id=story_id, title="T", priority=priority, passes=passes, depends_on=tuple(after.split()))


def a_prd(*stories: Story) -> Prd:
    return Prd(stories=stories)


@st.composite
def boards(draw: st.DrawFn) -> tuple[Prd, set[str], dict[str, str]]:
    count = draw(st.integers(1, 6))
    ids = [f"S{n}" for n in range(count)]
    order = draw(st.permutations(ids))
    stories = [
        a_story(
            story_id,
            draw(st.none() | st.integers(-1, 3)),
            passes=draw(st.booleans()),
            after=" ".join(draw(st.lists(st.sampled_from(order[:at]), max_size=3))) if at else "",
        )
        for at, story_id in enumerate(order)
    ]
    some = st.sets(st.sampled_from(ids), max_size=2)
    return a_prd(*draw(st.permutations(stories))), draw(some), dict.fromkeys(draw(some), "why")


@settings(max_examples=200, deadline=None)
@given(boards())
def test_the_next_story_is_the_first_by_priority_and_file_order_of_those_that_can_be_worked_on(
    board: tuple[Prd, set[str], dict[str, str]],
) -> None:
    prd, done, parked = board
    finished = done | {story.id for story in prd.stories if story.passes}
    ready = [s for s in prd.stories if s.id not in finished | set(parked) and set(s.depends_on) <= finished]
    ready.sort(key=lambda s: 10**9 if s.priority is None else s.priority)
    picked = pick(prd, done=done, parked=parked)
    assert picked.story == (ready[0] if ready else None)
    assert list(picked.reasons) == [story.id for story in prd.stories]
    verdicts = {story_id: reason.verdict for story_id, reason in picked.reasons.items()}
    assert {i for i, v in verdicts.items() if v in {Verdict.NEXT, Verdict.LATER}} == {story.id for story in ready}
    assert {i for i, v in verdicts.items() if v is Verdict.DONE} == finished
    assert {i for i, v in verdicts.items() if v is Verdict.PARKED} == set(parked) - finished
    assert all(reason.text.startswith(reason.verdict) and "\n" not in reason.text for reason in picked.reasons.values())


REASONS = [
    pytest.param(a_prd(a_story("A")), "A", "next: the only story that can be worked on", id="alone"),
    pytest.param(
        a_prd(a_story("A", 2), a_story("B", 1)),
        "B",
        "next: priority 1, of 2 stories that can be worked on",
        id="lowest",
    ),
    pytest.param(
        a_prd(a_story("A", 1), a_story("B", 1)),
        "A",
        "next: priority 1, first in the file, of 2 stories that can be worked on",
        id="first-of-equals",
    ),
    pytest.param(
        a_prd(a_story("A"), a_story("B")),
        "A",
        "next: no priority, first in the file, of 2 stories that can be worked on",
        id="first-without-priority",
    ),
    pytest.param(a_prd(a_story("A", passes=True)), "A", "done: the PRD says so", id="flag"),
    pytest.param(a_prd(a_story("committed")), "committed", "done: its commit is on the branch", id="committed"),
    pytest.param(
        a_prd(a_story("stuck")),
        "stuck",
        "parked: needs a key for the mail service. Edit the story, or run: ralph unblock stuck",
        id="parked",
    ),
    pytest.param(
        a_prd(a_story("stuck"), a_story("B"), a_story("C", after="B stuck B committed"), a_story("committed")),
        "C",
        "waits for B (not done), stuck (parked)",
        id="waits",
    ),
    pytest.param(
        a_prd(a_story("A", 1), a_story("B", 2)),
        "B",
        "later: A comes first (priority 1, this one priority 2)",
        id="later",
    ),
    pytest.param(
        a_prd(a_story("A"), a_story("B", 2)),
        "A",
        "later: B comes first (priority 2, this one no priority)",
        id="later-without-priority",
    ),
    pytest.param(
        a_prd(a_story("A", 1), a_story("B", 1)),
        "B",
        "later: A has the same priority and stands first in the file",
        id="later-in-the-file",
    ),
    pytest.param(
        a_prd(Story(id="A b", title="T", optional=True)), "A b", "optional: run it with --story 'A b'", id="optional"
    ),
    pytest.param(a_prd(Story(id="A", title="T", held="blocked")), "A", 'held: the PRD says "blocked"', id="held"),
    pytest.param(a_prd(a_story("busy")), "busy", "running: it is being worked on right now", id="running"),
    pytest.param(
        a_prd(
            Story(id="A", title="T", held="blocked"),
            Story(id="B", title="T", optional=True),
            a_story("busy"),
            a_story("C", after="A B busy"),
        ),
        "C",
        "waits for A (held), B (optional), busy (running)",
        id="waits-for-what-is-kept-back",
    ),
]


@pytest.mark.parametrize(("prd", "story_id", "text"), REASONS)
def test_every_story_says_why_it_is_or_is_not_next(prd: Prd, story_id: str, text: str) -> None:
    parked = {"stuck": "needs a key\n for the mail service."}
    assert pick(prd, done={"committed"}, parked=parked, busy={"busy"}).reasons[story_id].text == text


def test_an_id_with_odd_characters_is_quoted_for_the_shell() -> None:
    reason = pick(a_prd(a_story("a b;c")), parked={"a b;c": "why"}).reasons["a b;c"]
    assert reason.text == "parked: why. Edit the story, or run: ralph unblock 'a b;c'"


def test_a_story_that_is_asked_for_is_the_only_one_to_choose_from() -> None:
    picked = pick(a_prd(a_story("A", 1), a_story("B", 2), a_story("C", passes=True)), only="B")
    assert picked.story is not None
    assert {story_id: reason.text for story_id, reason in picked.reasons.items()} == {
        "A": "not chosen: only B was asked for",
        "B": "next: it was asked for",
        "C": "done: the PRD says so",
    }


@pytest.mark.parametrize(
    ("story", "verdict"),
    [
        pytest.param(a_story("A", passes=True), Verdict.DONE, id="done"),
        pytest.param(a_story("A", after="B"), Verdict.WAITS_FOR, id="waits"),
    ],
)
def test_asking_for_a_story_does_not_make_it_ready(story: Story, verdict: Verdict) -> None:
    picked = pick(a_prd(story, a_story("B")), only="A")
    assert (picked.story, picked.reasons["A"].verdict) == (None, verdict)


@pytest.mark.parametrize("only", [None, "A", "B", "C"])
def test_an_optional_story_is_worked_on_when_asked_for_and_a_held_or_a_running_one_is_not(only: str | None) -> None:
    prd = a_prd(Story(id="A", title="T", optional=True), Story(id="B", title="T", held="stuck"), a_story("C"))
    found = pick(prd, only=only, busy={"C"}).story
    assert (found.id if found else None) == ("A" if only == "A" else None)


def test_a_prd_is_complete_without_its_optional_stories_but_not_without_its_held_ones() -> None:
    done, optional = a_story("A", passes=True), Story(id="B", title="T", optional=True)
    assert a_prd(done, optional).all_done()
    assert a_prd(done, a_story("C")).all_done(done={"C"})
    assert not a_prd(done, a_story("C")).all_done()
    assert not a_prd(done, Story(id="C", title="T", held="blocked")).all_done()


def test_every_verdict_has_a_reason_in_this_table() -> None:
    texts = [str(case.values[2]) for case in REASONS]
    shown = {verdict for verdict in Verdict if any(text.startswith(verdict) for text in texts)}
    assert shown == set(Verdict) - {Verdict.NOT_CHOSEN}


@pytest.mark.parametrize(
    ("prd", "line"),
    [
        pytest.param(
            a_prd(a_story("A", passes=True), a_story("B")), "prd.json: 2 stories, 1 done, next B", id="some-done"
        ),
        pytest.param(a_prd(a_story("A")), "prd.json: 1 story, 0 done, next A", id="one"),
        pytest.param(a_prd(a_story("A", passes=True)), "prd.json: 1 story, all done", id="all-done"),
        pytest.param(a_prd(a_story("committed")), "prd.json: 1 story, all done", id="all-committed"),
        pytest.param(
            a_prd(a_story("A", passes=True), Story(id="B", title="T", optional=True)),
            "prd.json: 2 stories, all done but 1 that need not be",
            id="all-but-optional",
        ),
        pytest.param(
            a_prd(a_story("stuck"), a_story("B", after="stuck")),
            "prd.json: 2 stories, 0 done, none can be worked on now",
            id="none-ready",
        ),
    ],
)
def test_a_good_prd_is_told_in_one_line(prd: Prd, line: str) -> None:
    assert summary_line(prd, "prd.json", done={"committed"}, parked={"stuck": "why"}) == line


def test_why_a_story_is_done_is_told_in_the_words_of_whoever_knows() -> None:
    content = a_prd(a_story("A"), a_story("B", passes=True), a_story("C", passes=True))
    known = {"A": "committed as 0123456789", "B": "the PRD says so, but its commit is on no branch"}
    assert [reason.text for reason in pick(content, done=known).reasons.values()] == [
        "done: committed as 0123456789",
        "done: the PRD says so, but its commit is on no branch",
        "done: the PRD says so",
    ]
