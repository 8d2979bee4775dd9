"""Whether two names are of one model: providers, clouds and routers each write it their own way."""

import re

_DATE = re.compile(
    r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|\d{4}|\d{2}-\d{2,4}|latest|preview|exp|experimental|v\d+(?::\d+)?)(?=$|[-@:])"
)
_FAMILY = re.compile(r"claude|gpt|gemini|llama|mistral|qwen|deepseek|grok|\bo[1345]\b|command|nova")


def _bare(model: str) -> str:
    """A model's name without provider, date and tags."""
    name = re.sub(r"^(?:[\w.-]+/)+|^(?:\w{2,6}\.)?(?:anthropic|amazon|meta|openai|google)\.", "", model.strip().lower())
    name = re.sub(r"[:\[].*$", "", name)
    return _DATE.sub("", name)


def is_other_model(asked: str, answered: str) -> bool:
    """Whether another model answered; aliases, dates and names of deployments are not another model."""
    one, other = _bare(asked), _bare(answered)
    if one == other or not (_FAMILY.search(one) and _FAMILY.search(other)):
        return False
    is_alias = not re.search(r"\d", one) and one.removeprefix("claude-") in other
    return not is_alias and f"-{other}-" not in f"-{one}-"
