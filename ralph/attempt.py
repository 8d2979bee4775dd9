"""One attempt at a story: what it has cost, how it tells and where its work is kept. Knows nothing of sessions and checks."""

from dataclasses import dataclass

from prd.story import Story
from ralph.events import Event, EventKind, EventValue
from ralph.workbench import Workbench
from ralph.workspace.commit import rescue
from ralph.workspace.snapshot import Snapshot
from tracing.tracer import Trace


@dataclass(frozen=True)
class Attempt:
    shared: Workbench
    story: Story
    trace: Trace
    number: int  # of this story's attempts, from 1

    @property
    def scope(self) -> str:
        """What the ledger books its calls under."""
        return f"trace:{self.trace.trace_id}"

    @property
    def cost_micros(self) -> int:
        return self.shared.ledger.spent(self.scope).total_micros

    def rescue(self, snapshot: Snapshot) -> str:
        """Keep the work aside; gives the ref that it is kept at."""
        message = f"ralph: {self.story.id} {self.story.title}\n"
        return rescue(self.shared.repo, snapshot, self.trace.trace_id, message=message)

    def redact(self, text: str) -> str:
        return self.shared.tracer.contents.redactor.text(text)

    def tell(self, kind: EventKind, text: str, **fields: EventValue) -> None:
        self.report(Event(kind, text, fields))

    def report(self, event: Event) -> None:
        """Every event of an attempt says which story it is about."""
        self.shared.report(Event(event.kind, event.text, {"story": self.story.id, **event.fields}))
