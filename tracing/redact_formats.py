"""What secrets look like: tokens with a published shape, keys in assignments, and what is no secret though it is assigned.

Every pattern begins where a run of letters begins and has bounded repeats, so a search is linear in the text.
"""

import re
from dataclasses import dataclass

_STARTS = (
    r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=[0-9;\[]m)"
    r"|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2}))"
)
"""A token begins after anything but a letter or digit, or after an escape (`\\n`, `%3D`, a colour code) that ends in one."""


@dataclass(frozen=True)
class Format:
    """A kind of token. `keywords` are literal texts (lower case if `any_case`), one of which every match contains."""

    name: str
    keywords: tuple[str, ...]
    pattern: re.Pattern[str]
    any_case: bool = False


def _token(name: str, keywords: tuple[str, ...], body: str, *, ends: str = r"(?![A-Za-z0-9_])") -> Format:
    return Format(name, keywords, re.compile(f"{_STARTS}(?P<secret>{body}){ends}"))


FORMATS: tuple[Format, ...] = (
    _token("anthropic-key", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_-]{16,220}", ends=""),
    _token("openrouter-key", ("sk-or-",), r"sk-or-v1-[A-Za-z0-9]{32,128}", ends=""),
    _token("openai-key", ("sk-",), r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,220}", ends=""),
    _token("secret-key", ("sk-",), r"sk-(?=[A-Za-z0-9-]{0,80}[0-9])(?=[A-Za-z0-9-]{0,80}[A-Z])[A-Za-z0-9-]{20,80}"),
    _token("github-token", ("gho_", "ghp_", "ghu_", "ghs_", "ghr_"), r"gh[opusr]_[A-Za-z0-9]{30,255}", ends=""),
    _token("github-token", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{22,255}", ends=""),
    _token("gitlab-token", ("gl",), r"gl(?:pat|ptt|dt|rt|cbt|oas|ft|soat|agent|imt)-[A-Za-z0-9_=.-]{20,300}", ends=""),
    _token(
        "aws-key-id", ("AKIA", "ASIA", "ABIA", "ACCA"), r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", ends=r"(?![A-Za-z0-9])"
    ),
    _token("google-key", ("AIza",), r"AIza[A-Za-z0-9_-]{35}", ends=r"(?![A-Za-z0-9])"),
    _token("google-token", ("ya29.",), r"ya29\.[A-Za-z0-9_-]{20,400}", ends=""),
    _token("google-secret", ("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_-]{20,60}", ends=""),
    _token("slack-token", ("xox", "xapp-"), r"(?:xox[abeoprs](?:\.xox[bp])?-|xapp-)[A-Za-z0-9-]{10,250}", ends=""),
    Format(
        "slack-webhook",
        ("hooks.slack.com",),
        re.compile(r"hooks\.slack\.com/(?P<secret>(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,120})"),
    ),
    _token(
        "stripe-key",
        ("_live_", "_test_", "whsec_"),
        r"(?:(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,120}|whsec_[A-Za-z0-9+/=]{20,120})",
        ends="",
    ),
    _token("npm-token", ("npm_",), r"npm_[A-Za-z0-9]{36}", ends=""),
    _token("pypi-token", ("pypi-",), r"pypi-[A-Za-z0-9_-]{40,1000}", ends=""),
    _token("huggingface-token", ("hf_", "api_org_"), r"(?:hf_|api_org_)[A-Za-z0-9]{30,60}", ends=""),
    _token("groq-key", ("gsk_",), r"gsk_[A-Za-z0-9]{40,80}", ends=""),
    _token("xai-key", ("xai-",), r"xai-[A-Za-z0-9]{60,100}", ends=""),
    _token("sendgrid-key", ("SG.",), r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64}", ends=""),
    _token("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), r"do[opr]_v1_[a-f0-9]{64}", ends=""),
    _token("docker-token", ("dckr_pat_",), r"dckr_pat_[A-Za-z0-9_-]{20,60}", ends=""),
    _token("jwt", ("eyJ",), r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{0,2000}", ends=""),
    Format(
        "bearer-token",
        ("bearer",),
        re.compile(
            r"(?i)(?<![A-Za-z])bearer(?:\s|%20|\+){1,3}(?P<secret>(?=[A-Za-z0-9._~+/-]{0,200}[0-9])[A-Za-z0-9._~+/-]{12,4000}={0,2})"
        ),
        any_case=True,
    ),
    Format(
        "authorization",
        ("authorization",),
        re.compile(
            r"(?i)authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:basic|token|apikey)\s{1,3}(?P<secret>[A-Za-z0-9._~+/-]{8,4000}={0,2})"
        ),
        any_case=True,
    ),
    Format(
        "url-password",
        ("://",),
        re.compile(r"://[^\s:/@\"'<>?#]{0,100}:(?P<secret>[^\s/@\"'<>{}$*]{3,200})@(?=[A-Za-z0-9_\[.-])"),
    ),
)

PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
PEM_END = "-----END"
PEM_END_REST = re.compile(r"-----END [A-Z0-9 ]{0,40}-----")
PEM_BODY = re.compile(r"(?:[A-Za-z0-9+/=\s]|\\[nr])*")

KEY_WORDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "api_key", "api-key", "apikey", "access_key", "access-key",
    "accesskey", "private_key", "private-key", "privatekey", "credential", "auth_key", "encryption_key", "signing_key",
    "account_key", "accountkey", "master_key",
)  # fmt: skip
"""What a name contains that is assigned a secret, in lower case."""

STRONG_KEY_WORDS = ("passw", "pwd", "passphrase", "secret")
"""Under these even a plain word is taken for a secret."""

NOT_A_SECRET_NAME = re.compile(
    r"(?i)(?:_|-)?(?:type|name|id|ids|url|uri|path|file|field|count|counts|length|limit|limits|size|env|var|regex|pattern|re|"
    r"label|hint|policy|expiry|expires|expires_in|expiration|ttl|manager|store|provider|class|hash|hashed|budget|usage|"
    r"index|kind|format|prefix|suffix|header|input|text|title|placeholder|help|required|min|max|version|status|error|ref)$"
)
"""`token_type`, `secret_name`, `password_field`: about a secret, not one."""

ASSIGNMENT = re.compile(
    r"(?i)(?P<word>" + "|".join(re.escape(word) for word in KEY_WORDS) + r")(?P<rest>[A-Za-z0-9_-]{0,40})"
    r"(?P<close>\\?[\"']?)(?P<equals>\s{0,8}(?::=|=>|=|:)\s{0,8})"
    r"(?:(?P<quote>\\?[\"'`])(?P<quoted>[^\"'`\r\n\\]{1,400})(?P=quote)|(?P<bare>[^\s\"'`,;&|<>(){}\[\]\\]{4,400})(?P<next>[(\[{]?))"
)

_PLACEHOLDER = re.compile(
    r"(?i)^(?:\[redacted|<|\$|\{|%|\*+$|x{3,}$|\.{3}|your|my[-_]|changeme|change[-_]me|example|placeholder|dummy|fake|none$|null$"
    r"|nil$|true$|false$|undefined$|string$|str$|required$|optional$|todo|n/a|hidden|masked|redacted|process\.env|os\.|env\.|env$)"
)
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z_$]*(?:(?:\.|::|->)[A-Za-z_$][A-Za-z_0-9$]*)*[;:?!)]*")
_HAS_DIGIT_AND_LETTER = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])")


def is_placeholder(value: str) -> bool:
    """Words and references that stand where a secret would: `changeme`, `${TOKEN}`, `<your key>`, `os.environ`."""
    return bool(_PLACEHOLDER.match(value)) or len(set(value)) <= 2


def looks_random(value: str) -> bool:
    """Letters and digits mixed, eight or more: no word of a language, no name of a variable."""
    return len(value) >= 8 and bool(_HAS_DIGIT_AND_LETTER.match(value))


def is_identifier(value: str) -> bool:
    """A name in code, dotted or not, without digits in its first part."""
    return bool(_IDENTIFIER.fullmatch(value))


def names_a_secret(key: str) -> bool:
    """Whether a key, as in a mapping, holds a secret by its name: `DB_PASSWORD`, `apiKey`, `client_secret`."""
    lower = key.lower()
    if NOT_A_SECRET_NAME.search(lower):
        return False
    return any(word in lower for word in KEY_WORDS) and not lower.endswith("tokens")
