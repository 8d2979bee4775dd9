"""What `ralph say`, `pause`, `resume` and `skip` do, and what they say happens next."""

import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from prd.errors import quoted
from ralph.board import read_board
from ralph.errors import RalphError
from ralph.history.story_status import named_story
from ralph.home import find_home
from ralph.screen_text import one_line
from ralph.state import StoryStates
from ralph.steer.control import Control, Message, RunInfo
from ralph.steer.steering import SKIPPED
from ralph.survey import Look, RunRequest, look
from ralph.workspace.repo import Repo

NO_RUN = "no run is going in this repository"
SHOWN_CHARS = 60


def say(repo_path: Path, text: str, story_id: str | None = None, prd: Path | None = None) -> str:
    """Keep a message for the agent; returns who gets it when.

    Raises:
        RalphError, PrdError: nothing to say, no such story, or it is done.
    """
    if story_id is not None:
        story_id = _open_story(look(RunRequest(repo_path, prd)), story_id)
    control = _control(repo_path)
    message = control.say(text, story_id)
    return f"{who_gets_it(message.story, control.running())} (to take it back: ralph say --withdraw {message.id})"


def who_gets_it(story_id: str | None, running: Sequence[RunInfo]) -> str:
    """As in "US-002 gets it at its next turn"."""
    at_work = [story for info in running for story in info.stories]
    if story_id is not None:
        when = "at its next turn" if story_id in at_work else "when it is worked on"
        return f"{story_id} gets it {when}" + ("" if running else f"; {NO_RUN} now")
    if not running:
        return f"{NO_RUN}; the next one gets it at its first turn"
    if len(at_work) == 1:
        return f"{at_work[0]} gets it at its next turn"
    if at_work:
        return f"{', '.join(at_work[:-1])} or {at_work[-1]} gets it, whichever has its next turn first"
    return "the next story gets it at its first turn"


def pending_lines(repo_path: Path) -> Iterator[str]:
    """What was said and waits for a turn, a line each."""
    messages = _control(repo_path).pending()
    if not messages:
        yield "nothing waits to be delivered"
    for message in messages:
        yield f"{message.id}  {message.story or 'any story':<10}  {_short(message)}"


def withdraw(repo_path: Path, message_id: str) -> str:
    """Take a message back.

    Raises:
        RalphError: it was delivered already, or there is none with this id.
    """
    message = _control(repo_path).withdraw(message_id)
    if message is None:
        raise RalphError(
            f"no message {quoted(message_id)} waits: an agent has it already, or the id is another one. "
            "What waits is listed by: ralph say --list"
        )
    return f"taken back: {_short(message)}"


def pause(repo_path: Path) -> str:
    control = _control(repo_path)
    running = control.running()
    if not running:
        return f"{NO_RUN}, so there is nothing to pause"
    control.pause()
    whom = ", ".join(story for info in running for story in info.stories) or "the next story"
    return f"{whom} will wait before the next turn; nothing is spent meanwhile (go on with: ralph resume)"


def resume(repo_path: Path) -> str:
    control = _control(repo_path)
    was_paused = control.is_paused()
    control.resume()
    return "the run goes on" if was_paused else "no run is paused in this repository"


def stop(repo_path: Path) -> str:
    _control(repo_path).stop()
    return "the run stops after the step it is at; nothing is lost"


def skip(repo_path: Path, story_id: str, prd: Path | None = None) -> str:
    """Park the story, and end its session if it has one.

    Raises:
        RalphError, PrdError: the PRD has no such story, or the repo or its PRD is not usable.
    """
    seen = look(RunRequest(repo_path, prd))
    story = named_story(seen.prd, story_id, seen.place.name)
    with closing(StoryStates.open(seen.home.ledger_db)) as states:
        states.park(seen.repo.id, story, SKIPPED.detail)
    control = Control.open(seen.home, seen.repo.id)
    control.skip(story.id)
    at_work = any(story.id in info.stories for info in control.running())
    what = "ends before its next turn, and its work is kept" if at_work else "is left out from now on"
    return f"{story.id} {what} (to have it worked on after all: ralph unblock {shlex.quote(story.id)})"


def unheard_note(control: Control, done: Collection[str] = ()) -> str | None:
    """What was said and no agent has heard, for the end of a run: who will hear it now, and how it is taken back."""
    others = [info for info in control.running() if info.pid != os.getpid()]
    told = [
        f"{quoted(_short(message))} ({_hears_later(message, others, done)}; "
        f"to take it back: ralph say --withdraw {message.id})"
        for message in control.pending()
    ]
    return f"no agent has heard: {'; '.join(told)}" if told else None


def _hears_later(message: Message, others: Sequence[RunInfo], done: Collection[str]) -> str:
    if message.story in done:
        return f"{message.story} is done, so none will"
    if message.story is not None:
        return f"{message.story} gets it when it is worked on"
    return who_gets_it(None, others) if others else "the next run gets it at its first turn"


def _control(repo_path: Path) -> Control:
    return Control.open(find_home(), Repo.open(repo_path).id)


def _open_story(seen: Look, wanted: str) -> str:
    """Its id. Raises: RalphError when no agent will work on it any more."""
    story = named_story(seen.prd, wanted, seen.place.name)
    with closing(StoryStates.open(seen.home.ledger_db)) as states:
        why = read_board(seen.repo, seen.place, seen.plan, states).done.get(story.id)
    if why is None:
        return story.id
    raise RalphError(
        f"{story.id} is done ({why}), so no agent would hear this. Where it is not right, "
        f"say what is missing in {seen.place.name} and take its done flag back; or say it to all: leave --story out."
    )


def _short(message: Message) -> str:
    line = one_line(message.text)
    return line if len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 1] + "…"
