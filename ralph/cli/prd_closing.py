"""What becomes of a draft: shown, edited, written or kept, as the person says."""

import json
import shutil
from dataclasses import dataclass

import click

from prd.convert import snarktank_text
from prd.errors import PrdError
from prd.story import Prd
from ralph.cli.prd_talk import read_line
from ralph.drafting.draft import Drafted
from ralph.drafting.proposal import edited
from ralph.drafting.show import counted, shown
from ralph.drafting.target import Target
from ralph.drafting.tools import Draft, findings_of
from ralph.errors import ExitCode, RalphError

NOT_WRITTEN = int(ExitCode.STORIES_REMAIN)


@dataclass(frozen=True)
class Closing:
    """What becomes of the draft."""

    drafted: Drafted
    target: Target
    run_command: str

    @property
    def draft(self) -> Draft:
        return self.drafted.draft

    def on_terminal(self, *, yes: bool) -> int:
        draft = self.draft
        while True:
            self._show(draft)
            said = "y" if yes else self._decision(draft.prd)
            if said in {"y", "yes"}:
                return self._write(draft.prd)
            if said not in {"e", "edit"}:
                click.echo(self._kept)
                return NOT_WRITTEN
            draft = self._edited(draft)

    def _decision(self, draft: Prd) -> str:
        try:
            return read_line(f"\n{self._question(draft)} [y/N/e] (e: edit it first) ").lower()
        except KeyboardInterrupt:
            click.echo(f"\n{self._kept}")
            raise

    def in_pipe(self, *, yes: bool) -> int:
        if yes:
            self._show(self.draft)
            return self._write(self.draft.prd)
        click.echo(snarktank_text(self.draft.prd), nl=False)
        click.echo(f"{self._weak_spots()}{self._cost}", err=True)
        click.echo(f"Nothing was written, since nobody could be asked. {self._how_to_write}", err=True)
        return NOT_WRITTEN

    def in_json(self, *, yes: bool) -> int:
        if yes:
            self.target.write(self.draft.prd, snarktank_text(self.draft.prd))
        facts = {
            "prd": json.loads(snarktank_text(self.draft.prd)),
            "findings": [vars(finding) for finding in self.draft.findings],
            "cost_usd": self.drafted.cost_usd,
            "trace": self.drafted.trace_id,
            "file": self.target.name,
            "written": yes,
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return 0 if yes else NOT_WRITTEN

    def _show(self, draft: Draft) -> None:
        click.echo("\n" + shown(draft.prd, draft.findings, self.target, shutil.get_terminal_size().columns))
        if self.target.loses_dependencies(draft.prd):
            click.echo(f"\n! {self.target.name} has no place for dependencies; the order of the stories keeps them.")
        click.echo(f"\n{self._cost}")

    def _edited(self, draft: Draft) -> Draft:
        """The draft as the person's editor leaves it; as it was when that makes no PRD and they give up."""
        text = snarktank_text(draft.prd)
        while True:
            try:
                text = click.edit(text, extension=".json") or text
                prd = edited(text, self.target)
            except click.ClickException as error:
                click.echo(f"{error.format_message()} Set EDITOR to one that is there.", err=True)
                return draft
            except PrdError as error:
                click.echo(f"\n{error}", err=True)
                if read_line("Go on editing? [Y/n] (n: back to the draft as it was) ").lower() in {"n", "no"}:
                    return draft
            else:
                return Draft(prd, tuple(findings_of(prd, self.target, ())))

    def _write(self, draft: Prd) -> int:
        try:
            self.target.write(draft, snarktank_text(draft))
        except (PrdError, RalphError):
            click.echo(snarktank_text(draft), nl=False)
            raise
        done = "Added" if self.target.prd else "Wrote"
        where = f"{'to' if self.target.prd else 'as'} {self.target.name}"
        click.echo(
            f"{done} {counted(draft)} {where}. Ralph does not commit it: look at it, commit it, then: {self.run_command}"
        )
        return 0

    def _question(self, draft: Prd) -> str:
        return f"Add {counted(draft)} to {self.target.name}?" if self.target.prd else f"Write {self.target.name}?"

    def _weak_spots(self) -> str:
        return "".join(f"! {one.story_id}: {one.what} {one.remedy}\n" for one in self.draft.findings)

    @property
    def _cost(self) -> str:
        simulated = " (simulated)" if self.drafted.played_by else ""
        return f"Cost ${self.drafted.cost_usd:.4f}{simulated}; how it came about: {self._trace}"

    @property
    def _trace(self) -> str:
        return f"ralph trace {self.drafted.trace_id[:8]}"

    @property
    def _kept(self) -> str:
        return f"Nothing was written. What the model handed in is in the trace: {self._trace}"

    @property
    def _how_to_write(self) -> str:
        if self.target.prd:
            return f"Add the stories above to {self.target.name} by hand, or give --yes next time."
        return f"Save the above as {self.target.name}, or give --yes next time."
