"""What `ralph say`, `pause`, `resume` and `skip` do, and what they say happens next."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from prd.errors import quoted
from prd.story import Story
from ralph.control import Control, Message, RunInfo
from ralph.errors import RalphError
from ralph.home import find_home
from ralph.screen_text import one_line
from ralph.state import StoryStates
from ralph.steering import SKIPPED
from ralph.survey import Look, RunRequest, look
from ralph.workspace.repo import Repo

NO_RUN = "no run is going in this repository"
SHOWN_CHARS = 60


def say(repo_path: Path, text: str, story_id: str | None = None, prd: Path | None = None) -> str:
    """Keep a message for the agent; returns who gets it when.

    Raises:
        RalphError, PrdError: nothing to say, or no such story.
    """
    if story_id is not None:
        _story(look(RunRequest(repo_path, prd)), story_id)
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
    story = _story(seen, story_id)
    with closing(StoryStates.open(seen.home.ledger_db)) as states:
        states.park(seen.repo.id, story, SKIPPED.detail)
    control = Control.open(seen.home, seen.repo.id)
    control.skip(story_id)
    at_work = any(story_id in info.stories for info in control.running())
    what = "ends before its next turn, and its work is kept" if at_work else "is left out from now on"
    return f"{story_id} {what} (to have it worked on after all: ralph unblock {story_id})"


def _control(repo_path: Path) -> Control:
    return Control.open(find_home(), Repo.open(repo_path).id)


def _story(seen: Look, story_id: str) -> Story:
    found = next((story for story in seen.prd.stories if story.id == story_id), None)
    if found is None:
        ids = ", ".join(story.id for story in seen.prd.stories)
        raise RalphError(f"{seen.place.name} has no story {quoted(story_id)}. Its stories are {ids}.")
    return found


def _short(message: Message) -> str:
    line = one_line(message.text)
    return line if len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 1] + "…"
