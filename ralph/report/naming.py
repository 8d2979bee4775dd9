"""Which repository something is about, said wherever a report tells of more than one."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from ralph.report.facts import Need, Report, Why

NAMED = {Why.CREDIT, Why.REFUSED, Why.DIED, Why.SETTINGS, Why.UNTRUSTED}  # their titles name it themselves


def repo_names(report: Report) -> Mapping[str, str]:
    """By root: the folder's name, the whole path where two have the same; nothing where there is only one repository."""
    repos = dict.fromkeys(repo for repo in _roots(report) if repo)
    alike = Counter(Path(repo).name for repo in repos)
    return {repo: Path(repo).name if alike[Path(repo).name] == 1 else repo for repo in repos} if len(repos) > 1 else {}


def need_title(need: Need, names: Mapping[str, str]) -> str:
    name = "" if need.why in NAMED else names.get(need.repo, "")
    return f"{name}: {need.title}" if name else need.title


def _roots(report: Report) -> Iterator[str]:
    yield from (work.repo for work in report.works)
    yield from (need.repo for need in report.needs)
    yield from (finding.repo for finding in report.findings)
