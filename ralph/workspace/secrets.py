"""What must not get into a commit: likely secrets, by a file's name and by what is new in it. Knows nothing of git."""

import os
import re
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import PurePosixPath

SECRET_NAMES = (
    ".env",
    ".env.*",
    "*.env",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "credentials",
    "credentials.json",
    "credentials.y*ml",
    "credentials.csv",
    "*credentials*.json",
    "service-account*.json",
    "client_secret*.json",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".git-credentials",
    ".htpasswd",
)
HARMLESS_NAMES = ("*.example", "*.sample", "*.template", "*.dist", "*.defaults", "example.env", "sample.env")
MARK = re.compile(r"\[redacted: ?([^\]]+)\]")
GENERIC_KINDS = frozenset(
    {"assigned", "url-password", "bearer-token", "authorization", "session", "jwt"}
)  # tests make such up
Redact = Callable[[str], str]


def secret_by_name(path: str) -> str | None:
    """Why the file's name says that it holds a secret, or None."""
    name = PurePosixPath(path).name.lower()
    if any(fnmatch(name, pattern) for pattern in HARMLESS_NAMES):
        return None
    for pattern in SECRET_NAMES:
        if fnmatch(name, pattern):
            return f"files named {pattern} usually hold secrets; add it to .gitignore, or commit it yourself"
    return None


def secret_by_content(new: bytes, old: bytes, redact: Redact | None = None) -> str | None:
    """Why the content holds a secret that was not there before, or None. `redact` may know the run's own secrets."""
    added = _kinds(new, redact) - _kinds(old, redact)
    if not added:
        return None
    kind = min(added)
    what = "a value of your own environment" if kind == "secret" else f"what looks like a {kind}"
    return f"it holds {what}; take it out, or commit the file yourself"


def _kinds(content: bytes, redact: Redact | None) -> Counter[str]:
    """How often each kind of token stands in the content."""
    text = content.decode(errors="replace")
    found = Counter(MARK.findall((redact or _redact())(text))) - Counter(MARK.findall(text))
    return Counter({kind: count for kind, count in found.items() if kind not in GENERIC_KINDS})


def _redact() -> Redact:
    from tracing.redact import Redactor, secret_values  # noqa: PLC0415 - compiles its patterns

    return Redactor(secret_values(os.environ)).of_keys.text
