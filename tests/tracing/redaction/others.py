"""`python -m tests.tracing.redaction.others OBSERVATIONS [GITLEAKS_TOML]`: false redactions, and how others do on both.

OBSERVATIONS is a gzipped file of JSON lines with `steps`, each with `obs`. With gitleaks' rules `google-re2` and
`detect-secrets` are measured too; neither is needed by anything else here.
"""

import gzip
import importlib
import json
import math
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.tracing.redaction.corpus import cases
from tests.tracing.redaction.measure import missed
from tracing.redact import Redactor

Redact = Callable[[str], str]
CUT = "[cut]"


def gitleaks(rules: Path) -> Redact:
    """Its rules with keywords and entropy, by RE2."""
    re2: Any = importlib.import_module("re2")
    loaded = [rule for rule in tomllib.loads(rules.read_text("utf-8"))["rules"] if "regex" in rule]
    compiled = [(rule, re2.compile(rule["regex"])) for rule in loaded]

    def redact(text: str) -> str:
        lower, out = text.lower(), text
        for rule, pattern in compiled:
            words = rule.get("keywords", [])
            if words and not any(word.lower() in lower for word in words):
                continue
            for match in pattern.finditer(text):
                group = rule.get("secretGroup", 0)
                found = match[group] if group else next((one for one in match.groups() if one), match[0])
                if _entropy(found) >= rule.get("entropy", 0):
                    out = out.replace(found, CUT)
        return out

    return redact


def detect_secrets() -> Redact:
    """Its plugins for named tokens and keywords; those by entropy flag every fifth message of an agent."""
    util: Any = importlib.import_module("detect_secrets.core.plugins.util")
    kinds = util.get_mapping_from_secret_type_to_class().values()
    plugins = [kind() for kind in kinds if "Entropy" not in kind.__name__]

    def redact(text: str) -> str:
        out = text
        for line in text.splitlines():
            for plugin in plugins:
                for found in plugin.analyze_line(filename="text", line=line, line_number=1):
                    out = out.replace(found.secret_value or CUT, CUT)
        return out

    return redact


def _entropy(text: str) -> float:
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _observations(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield from (step["obs"] for step in json.loads(line)["steps"] if isinstance(step.get("obs"), str))


def main() -> None:
    texts = list(_observations(Path(sys.argv[1])))
    redactors: dict[str, Redact] = {"ours": Redactor().text}
    if len(sys.argv) > 2:
        redactors |= {"gitleaks": gitleaks(Path(sys.argv[2])), "detect-secrets": detect_secrets()}
    corpus = list(cases(4))
    for name, redact in redactors.items():
        recall = 1 - len(missed(redact, corpus)) / len(corpus)
        began_s = time.process_time()
        hits = sum(redact(text) != text for text in texts)
        speed = sum(map(len, texts)) / 1e6 / (time.process_time() - began_s)
        sys.stdout.write(
            f"{name}: recall {recall:.2%} of {len(corpus)}; redacts in {hits} of {len(texts)} observations "
            f"({hits / len(texts):.3%}); {speed:.1f} MB/s\n"
        )


if __name__ == "__main__":
    main()
