"""What a GitHub issue says as a story: checkboxes, dependencies and labels. Knows nothing of how issues are fetched.

Comments in the Markdown are left out: nobody who reads the issue on the page sees them, so they must not steer an agent.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from prd.story import Story
from prd.words import State, is_dropped, priority_of, state_of
from ralph.screen_text import on_screen, one_line

CLOSED = " (closed)"
"""Behind the URL in the notes: GitHub said so when the issue was read."""

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_BOX = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+\[[ xX]\]\s+(\S.*)")
_REFERENCE = r"(?:https://[\w.-]+/[\w.-]+/[\w.-]+/(?:issues|pull)/|[\w.-]+/[\w.-]+#|#|GH-)\d{1,9}"
_DEPENDS = re.compile(
    rf"\b(?:depends\s+on|blocked\s+by)\W{{0,9}}({_REFERENCE}(?:(?:\s*,\s*and\s+|\s*[,&]\s*|\s+and\s+){_REFERENCE})*)",
    re.IGNORECASE,
)
_PRIORITY = re.compile(r"(?:priority|prio)\s*[:/=-]?\s*(\S+)|(\S+)\s+priority|(p[0-4])\b.*", re.IGNORECASE)


class Label(BaseModel):
    name: str


class Issue(BaseModel):
    """As `gh issue list --json number,title,body,labels,state,url` prints it."""

    number: int
    title: str
    body: str | None = ""
    labels: tuple[Label, ...] = ()
    state: str
    url: str

    @property
    def closed(self) -> bool:
        return self.state.upper() != "OPEN"


def story_id(number: int) -> str:
    """GitHub makes a link of it wherever it stands in a commit message."""
    return f"GH-{number}"


def story_of(issue: Issue, listed: Iterable[int], still_open: Mapping[int, str]) -> Story:
    """`listed` are the issues that are stories too; `still_open` says of other ones why they are waited for."""
    prose, criteria = _body(issue.body or "")
    needed = [number for number in dependencies(issue) if number != issue.number]
    waits = [still_open[number] for number in needed if number in still_open]
    held = "" if issue.closed else _held(issue, waits)
    return Story(
        id=story_id(issue.number),
        title=one_line(issue.title) or story_id(issue.number),
        description=prose,
        acceptance_criteria=criteria,
        priority=_priority(label.name for label in issue.labels),
        passes=issue.closed,
        notes=issue.url + (CLOSED if issue.closed else ""),
        depends_on=tuple(story_id(number) for number in needed if number in set(listed)),
        optional=is_dropped(held),
        held=held,
    )


def dependencies(issue: Issue) -> tuple[int, ...]:
    """The numbers after "depends on" and "blocked by"; issues of other repositories are left out."""
    text = "\n".join(line for line, is_code in _lines(issue.body or "") if not is_code)
    here = issue.url.rpartition("/issues/")[0]
    found = (_number(reference, here) for run in _DEPENDS.findall(text) for reference in re.findall(_REFERENCE, run))
    return tuple(dict.fromkeys(number for number in found if number is not None))


def _number(reference: str, here: str) -> int | None:
    """None for another repository's."""
    where, number = re.fullmatch(r"(.*?)(\d+)", reference, re.DOTALL).groups()  # type: ignore[union-attr]
    name = here.partition("://")[2].partition("/")[2]
    own = {"#", "gh-", f"{name}#".lower(), f"{here}/issues/".lower(), f"{here}/pull/".lower()}
    return int(number) if where.lower() in own else None


def _held(issue: Issue, waits: list[str]) -> str:
    """The label that keeps an issue back, as `blocked` or `on hold`, or what it waits for."""
    words = (label.name for label in issue.labels if state_of(label.name) is State.HELD)
    return next(words, f"blocked: {', '.join(waits)}" if waits else "")


def _priority(labels: Iterable[str]) -> int | None:
    """The most urgent of labels like `P1`, `priority: high`, `high priority` and `critical`."""
    return min((level for label in labels for level in _levels(label)), default=None)


def _levels(label: str) -> Iterator[int]:
    found = _PRIORITY.fullmatch(label.strip())
    words = (label, *(word for word in found.groups() if word)) if found else (label,)
    yield from (level for word in words if (level := priority_of(word)) is not None)


def _body(body: str) -> tuple[str, tuple[str, ...]]:
    """What is no checkbox, and the texts of the checkboxes."""
    prose: list[str] = []
    criteria: list[str] = []
    for line, is_code in _lines(body):
        box = None if is_code else _BOX.fullmatch(line)
        if box:
            criteria.append(one_line(box[1]))
        else:
            prose.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(prose)).strip(), tuple(dict.fromkeys(filter(None, criteria)))


def _lines(body: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is code."""
    fence = ""
    for line in on_screen(_COMMENT.sub("", body.replace("\r\n", "\n").expandtabs(4))).split("\n"):
        found = _FENCE.match(line)
        yield line.rstrip(), bool(fence or found)
        if found and not fence:
            fence = found[1]
        elif found and found[1].startswith(fence):
            fence = ""
