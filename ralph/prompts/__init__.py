"""The words that the model reads, one file each: stable text in `system.md`, everything that varies in the user messages.

Knows nothing about conversations: it fills placeholders (`$name`) and returns text.
"""

from functools import cache
from importlib.resources import files
from string import Template


@cache
def _template(name: str) -> Template:
    return Template(files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8"))


def prompt(name: str, **values: object) -> str:
    """The text of `name`.md with every placeholder filled.

    Raises:
        KeyError: a placeholder has no value: the template and its caller disagree.
    """
    return _template(name).substitute({key: str(value) for key, value in values.items()}).rstrip("\n")


SYSTEM = "system"
