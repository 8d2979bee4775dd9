"""What must not get into a commit: likely secrets, by a file's name and by what is new in it. Knows nothing of git."""

import re
from collections import Counter
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
GENERIC_KINDS = ("assigned", "secret", "url-password", "bearer-token", "authorization", "jwt")  # tests make such up


def secret_by_name(path: str) -> str | None:
    """Why the file's name says that it holds a secret, or None."""
    name = PurePosixPath(path).name.lower()
    if any(fnmatch(name, pattern) for pattern in HARMLESS_NAMES):
        return None
    for pattern in SECRET_NAMES:
        if fnmatch(name, pattern):
            return f"files named {pattern} usually hold secrets; add it to .gitignore, or commit it yourself"
    return None


def secret_by_content(new: bytes, old: bytes) -> str | None:
    """Why the content holds a secret that was not there before, or None."""
    added = _kinds(new) - _kinds(old)
    if not added:
        return None
    return f"it holds what looks like a {min(added)}; take it out, or commit the file yourself"


def _kinds(content: bytes) -> Counter[str]:
    """How often each kind of token stands in the content."""
    from tracing.redact import Redactor  # noqa: PLC0415 - compiles its patterns

    text = content.decode(errors="replace")
    found = Counter(MARK.findall(Redactor().text(text))) - Counter(MARK.findall(text))
    return Counter({kind: count for kind, count in found.items() if kind not in GENERIC_KINDS})
