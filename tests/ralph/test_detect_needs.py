"""What the checks may need beside the tracked files: services, local files; and what CI files tell a person."""

import tomllib
from pathlib import Path

import pytest

from ralph.detect import NeedKind, Proposal, detect

PRE_COMMIT = (
    ".pre-commit-config.yaml: `pre-commit run --all-files` is a check as well; it downloads its hooks, so give it "
    "`network = true`."
)
Files = dict[str, str]
COMPOSE = """
x-base: &base {restart: always}
services:
  app: {build: .}
  db: {<<: *base, image: "postgres:16-alpine"}
  cache: {image: redis}
  mail: {image: mailhog/mailhog}
"""
GITHUB = """
on: [push]
jobs:
  test:
    services:
      postgres: {image: postgres:16}
    steps:
      - uses: actions/checkout@v4
      - run: npm ci
      - name: all
        run: |
          pytest -q --strict
          echo tests done
          npm run \\
            lint
      - run: python -m pytest -q
  broken: just a string
"""
GITLAB = """
services: ["mysql:8"]
unit:
  services: [{name: "redis:7"}]
  script: ["bundle exec rspec", "deploy tests"]
"""
CIRCLE = """
jobs:
  build:
    docker: [{image: cimg/python}, {image: "mongo:6"}]
    steps: [checkout, {run: "tox -e lint"}, {run: {command: "make check"}}]
"""


def proposed(root: Path, files: Files) -> Proposal:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return detect(root, which=lambda tool: tool)


def names(proposal: Proposal, kind: NeedKind) -> list[tuple[str, str]]:
    return [(need.name, need.where) for need in proposal.needs if need.kind is kind]


@pytest.mark.parametrize(
    ("files", "services"),
    [
        pytest.param(
            {"docker-compose.yml": COMPOSE},
            [("postgres", "docker-compose.yml"), ("redis", "docker-compose.yml")],
            id="compose",
        ),
        pytest.param(
            {".github/workflows/ci.yml": GITHUB}, [("postgres", ".github/workflows/ci.yml")], id="github"
        ),
        pytest.param(
            {".gitlab-ci.yml": GITLAB}, [("redis", ".gitlab-ci.yml"), ("mysql", ".gitlab-ci.yml")], id="gitlab"
        ),
        pytest.param({".circleci/config.yml": CIRCLE}, [("mongodb", ".circleci/config.yml")], id="circleci"),
        pytest.param(
            {"tests/conftest.py": 'DB = "postgresql+psycopg://localhost/x"'}, [("postgres", "tests/conftest.py")], id="tests"
        ),
        pytest.param(
            {"db.test.ts": "process.env.DATABASE_URL; process.env.REDIS_URL"},
            [("redis", "db.test.ts"), ("database", "db.test.ts")],
            id="a-variable-without-an-address",
        ),
        pytest.param(
            {"a_test.go": 'os.Getenv("DATABASE_URL")', "compose.yaml": COMPOSE},
            [("postgres", "compose.yaml"), ("redis", "compose.yaml")],
            id="which-database-the-compose-file-says",
        ),
        pytest.param({"tests/conftest.py": 'DATABASE_URL = "sqlite://"'}, [], id="sqlite-is-no-service"),
    ],
)  # fmt: skip
def test_services(tmp_path: Path, files: Files, services: list[tuple[str, str]]) -> None:
    assert names(proposed(tmp_path, files), NeedKind.SERVICE) == services


@pytest.mark.parametrize("files", [{"compose.yml": COMPOSE}, {".gitlab-ci.yml": GITLAB}, {"a_test.go": "DATABASE_URL"}])
def test_a_services_remedy_is_lines_for_ralph_toml(tmp_path: Path, files: Files) -> None:
    for need in proposed(tmp_path, files).needs:
        service = tomllib.loads(need.remedy)["services"][0]
        assert {"name", "up", "down"} == set(service)


def test_a_compose_service_is_started_by_its_own_name(tmp_path: Path) -> None:
    needs = proposed(tmp_path, {"docker-compose.yml": COMPOSE}).needs
    assert tomllib.loads(needs[0].remedy)["services"] == [
        {"name": "db", "up": "docker compose up -d --wait db", "down": "docker compose stop db"}
    ]


def test_an_example_of_an_environment_file_is_a_need_for_the_real_one(tmp_path: Path) -> None:
    need = proposed(tmp_path, {"web/.env.example": "PORT=1\n"}).needs[0]
    assert (need.kind, need.name, need.where) == (NeedKind.FILE, "web/.env", "web/.env.example")
    assert need.remedy == (
        'copy = ["web/.env"]   # your own file, with its secrets; or begin setup with: cp web/.env.example web/.env'
    )


@pytest.mark.parametrize(
    ("files", "hints"),
    [
        pytest.param(
            {".github/workflows/ci.yml": GITHUB, "test_a.py": ""},
            (".github/workflows/ci.yml runs: pytest -q --strict", ".github/workflows/ci.yml runs: npm run lint"),
            id="github",
        ),
        pytest.param({".gitlab-ci.yml": GITLAB}, (".gitlab-ci.yml runs: bundle exec rspec",), id="gitlab"),
        pytest.param(
            {".circleci/config.yml": CIRCLE},
            (".circleci/config.yml runs: tox -e lint", ".circleci/config.yml runs: make check"),
            id="circleci",
        ),
        pytest.param(
            {".gitlab-ci.yml": "a: [b"}, (".gitlab-ci.yml was passed over: it is no YAML that can be read.",), id="broken"
        ),
        pytest.param(
            {".pre-commit-config.yaml": "", "setup.py": ""},
            (PRE_COMMIT,),
            id="pre-commit",
        ),
    ],
)  # fmt: skip
def test_hints(tmp_path: Path, files: Files, hints: tuple[str, ...]) -> None:
    assert proposed(tmp_path, files).hints == hints
