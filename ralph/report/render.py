"""The forms that a report can be had in."""

import json
from enum import StrEnum

from ralph.report.as_json import as_facts
from ralph.report.facts import Report
from ralph.report.html import as_html
from ralph.report.markdown import as_markdown
from ralph.report.terminal import WIDTH, as_terminal
from ralph.report.told import told


class Form(StrEnum):
    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


def rendered(report: Report, form: Form, *, width: int = WIDTH, coloured: bool = False) -> str:
    """Ends with a line's end."""
    if form is Form.JSON:
        return json.dumps(as_facts(report), ensure_ascii=False, indent=2) + "\n"
    outline = told(report)
    if form is Form.TERMINAL:
        return as_terminal(outline, width=width, coloured=coloured)
    return as_markdown(outline) if form is Form.MARKDOWN else as_html(outline)
