"""One line about a good PRD. Knows nothing of how it was read."""

from collections.abc import Collection, Mapping

from prd.pick import pick
from prd.story import Prd


def summary_line(prd: Prd, name: str, *, done: Collection[str] = (), parked: Mapping[str, str] | None = None) -> str:
    """`prd.json: 8 stories, 3 done, next US-004`."""
    finished = sum(story.passes or story.id in done for story in prd.stories)
    count = f"{len(prd.stories)} {'story' if len(prd.stories) == 1 else 'stories'}"
    following = pick(prd, done=done, parked=parked).story
    if prd.all_done(done):
        left = len(prd.stories) - finished
        return f"{name}: {count}, all done" + (f" but {left} that need not be" if left else "")
    return f"{name}: {count}, {finished} done, {f'next {following.id}' if following else 'none can be worked on now'}"
