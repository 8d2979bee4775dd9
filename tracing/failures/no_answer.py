"""Texts that stand where an answer should: a provider's error, a refusal, babble.

Only short texts of known shapes count, read whole: an answer that talks about rate limits, or explains one, is an answer.
Knows nothing of spans.
"""

import re

LONGEST_ERROR_CHARS = 500
LONGEST_REFUSAL_CHARS = 250
_BABBLE_CHARS, _BABBLE_UNIT_CHARS = 400, 40  # at the end of a text: so much of nothing but a few words, over and over
_LAYOUT = " \t\n-=_*#.~+|/\\,:;0123456789"  # what tables and rulers are drawn with
_EXPLAINS = re.compile(
    r"(?<!this )(?<!usually )(?<!which )\b(?:means?|indicates?|refers to|(?:is (?:shown|returned)|occurs|happens) (?:when|if))\b",
    re.IGNORECASE,
)
_CERTAIN = (
    r"API Error\b",
    r"(?:Claude (?:AI |Code )?)?(?:usage |session |weekly |rate |\d+-hour )?limit reached\b",
    r"You(?:'|\u2019)?(?:ve| have) (?:hit|reached|exceeded) (?:your|the) [\w -]{0,30}?(?:limit|quota)\b",
    r"You(?:'|\u2019)re out of (?:extra )?(?:usage|credits?|tokens)\b",
    r"You exceeded your current quota\b",
    r"(?:Your )?credit balance is too low\b",
    r"(?:Input is too long|Prompt is too long)\b(?: for requested model)?[.:\u00b7]?\s*(?:$|\d|/|Please|Press)",
    r"This model(?:'|\u2019)s maximum context length is\b",
    r"Request rejected \(\d{3}\)",
    r"Failed to authenticate\b",
    r"Not logged in\b",
    r"Invalid API key\b",
    r"\[?(?:litellm|openai|anthropic|google|botocore|httpx2?|requests)(?:\.\w+)*\.\w*(?:Error|Exception|Timeout)\b",
    r"(?:Error code|HTTP|Status(?: code)?|Error):? ?(?:4(?:0[0-3]|08|13|29)|5(?:0\d|2\d))\b",
    r"(?:429|500|502|503|504|529) (?:\{|Too Many|Internal|Bad Gateway|Service|Gateway|Overloaded|Server)",
    r"upstream (?:connect error|request timeout)\b",
    r"The (?:model|server|engine|service) is (?:currently |temporarily )?(?:overloaded|unavailable)\b",
    r"The server had an error (?:while )?processing your request\b",
)
_ALONE = (  # words that an answer may begin with: only if nothing but a status or a plea follows
    r"(?:Error: )?Rate limit(?:ed| exceeded| reached)?(?: error)?",
    r"(?:Error: )?Too many requests",
    r"(?:Error: )?(?:\d{3} )?Internal server error",
    r"(?:Error: )?Service (?:is )?(?:temporarily )?unavailable",
    r"(?:Error: )?(?:Bad gateway|Gateway time-?out)",
    r"(?:Error: )?(?:overloaded(?:_error)?|rate_limit_error|api_error|insufficient_quota|context_length_exceeded)",
    r"(?:Error: )?(?:Request timed out|Connection error|Network error|Quota exceeded)",
)
_REST = r"\s*[.:!,;\u00b7(-]*\s*(?:$|\(?\d|please\b|try again\b|retry\b|for (?:model|requests|organization)\b|overloaded|\{)"
_PROVIDER = re.compile(rf"\W{{0,3}}(?:{'|'.join(_CERTAIN)}|(?:{'|'.join(_ALONE)}){_REST})", re.IGNORECASE)
_PROVIDER_JSON = re.compile(
    r"\s*(?:data: )?\{.{0,80}\"error\".{0,400}?(?:overloaded_error|rate_limit|api_error|server_error|invalid_request_error"
    r"|insufficient_quota|authentication_error|billing_error|permission_error|context_length_exceeded|RESOURCE_EXHAUSTED)",
    re.DOTALL,
)
_REFUSAL = re.compile(
    r"(?:(?:I(?:'|\u2019)m|I am) (?:very |really |so )?sorry|I apologi[sz]e|Sorry|Apologies|Unfortunately)?[,.]?\s*(?:but )?"
    r"(?:I|as an AI[\w ,]{0,40}I) ?(?:can(?:'|\u2019)?t|can ?not|won(?:'|\u2019)t|will not|(?:am|(?:'|\u2019)m) (?:not able|unable) to"
    r"|must decline to) (?:\w+ )?(?:assist|help|comply|continue|fulfil+|engage|do)(?: you)?(?: with| in)?"
    r"(?: (?:that|this|it|your|the|such)(?: \w+){0,3}| requests? like \w+)?[.!]?(?:\s+(?:Is there|If you|How|Please|Let me)[^\n]*)?$",
    re.IGNORECASE,
)
_QUOTES = "'\"`\u2018\u201c"
_QUOTED = re.compile(r"(?P<mark>['\"`])[^\n]+?(?P=mark)\s*\w|\u2018[^\n]+?\u2019\s*\w|\u201c[^\n]+?\u201d\s*\w")


def is_provider_error(text: str) -> bool:
    """Whether the whole text is what a provider or a client says when a call has failed."""
    stripped = text.strip()
    if not stripped or len(stripped) > LONGEST_ERROR_CHARS or stripped.count("\n\n") > 1:
        return False
    if stripped[0] in _QUOTES and _QUOTED.match(stripped):
        return False  # somebody's words, and then the model's own
    found = _PROVIDER.match(stripped)
    return bool(found and not _EXPLAINS.search(stripped)) or bool(_PROVIDER_JSON.match(stripped))


def is_refusal(text: str) -> bool:
    """Whether the whole text only says that the model will not; saying what is against a rule is an answer."""
    stripped = text.strip()
    return len(stripped) <= LONGEST_REFUSAL_CHARS and bool(_REFUSAL.fullmatch(stripped))


def is_babble(text: str) -> bool:
    """Whether a text ends in the same few words without end: what a model does that has lost its way."""
    tail = text.rstrip()[-_BABBLE_CHARS:]
    if len(tail) < _BABBLE_CHARS or len(set(tail)) > _BABBLE_UNIT_CHARS:
        return False
    size = next((size for size in range(1, _BABBLE_UNIT_CHARS + 1) if tail[size:] == tail[:-size]), 0)
    return bool(tail[:size].strip(_LAYOUT))
