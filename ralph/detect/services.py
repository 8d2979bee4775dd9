"""Services and local files that the checks may need: from compose files, CI, example environments and tests.

That one is named says only that something in the repo uses it; whether the checks do, trying them shows.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ralph.detect.proposal import Need, NeedKind
from ralph.detect.tree import Folder, ignored, table
from ralph.detect.yaml_file import read_yaml

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
ENV_EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example", ".env.test.example")


@dataclass(frozen=True)
class Service:
    """A service that Docker can start by itself."""

    name: str
    port: int
    image: str
    options: str = ""
    ready: str = ""  # run in the container, it succeeds when the service answers; empty: nothing is waited for


POSTGRES = Service("postgres", 5432, "postgres:17", "-e POSTGRES_PASSWORD=postgres ", "pg_isready -q -h 127.0.0.1")
MYSQL = Service("mysql", 3306, "mysql:8", "-e MYSQL_ROOT_PASSWORD=mysql ", "mysqladmin ping -h 127.0.0.1 --silent")
REDIS = Service("redis", 6379, "redis:7", ready="redis-cli ping")
MONGODB = Service("mongodb", 27017, "mongo:8", ready="mongosh --quiet --eval 1")
RABBITMQ = Service("rabbitmq", 5672, "rabbitmq:4", ready="rabbitmq-diagnostics -q check_running")
KNOWN = {  # what is in the name of an image, an address or a variable
    "postg": POSTGRES,
    "pgvector": replace(POSTGRES, image="pgvector/pgvector:pg17"),
    "timescale": replace(POSTGRES, image="timescale/timescaledb:latest-pg17"),
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "redis": REDIS,
    "valkey": REDIS,
    "mongo": MONGODB,
    "rabbitmq": RABBITMQ,
    "amqp": RABBITMQ,
    "kafka": Service("kafka", 9092, "apache/kafka:4.0.0"),
    "opensearch": Service("opensearch", 9200, "opensearchproject/opensearch:2", "-e discovery.type=single-node "),
    "elasticsearch": Service("elasticsearch", 9200, "elasticsearch:9.0.0", "-e discovery.type=single-node "),
    "memcached": Service("memcached", 11211, "memcached:1"),
    "minio": Service("minio", 9000, "minio/minio"),
    "localstack": Service("localstack", 4566, "localstack/localstack"),
    "nats": Service("nats", 4222, "nats:2"),
    "clickhouse": Service("clickhouse", 8123, "clickhouse/clickhouse-server"),
    "cassandra": Service("cassandra", 9042, "cassandra:5"),
}
DATABASES = {"postgres", "mysql", "mongodb"}
UNKNOWN_DATABASE = "database"
REACH = "# and `network = true` in each check that talks to it: without it a check reaches no address"
TEST_SETTINGS = re.compile(
    r"(.*/)?(conftest\.py|settings[^/]*\.py|(jest|vitest)[.-][^/]*\.[cm]?[jt]s|database\.yml|[^/]*test[^/]*\.(py|[cm]?[jt]s|go|rb|rs|php))"
)
ADDRESS = re.compile(r"\b(postgres(?:ql)?|mysql|mariadb|redis|rediss|mongodb(?:\+srv)?|amqps?)(?:\+\w+)?://")
URL_NAME = re.compile(r"\b(?:DATABASE|DB|POSTGRES|PG|MYSQL|REDIS|MONGO(?:DB)?|RABBITMQ|AMQP)_(?:URL|URI|DSN|HOST)\b")
READ_FILES = 60
READ_BYTES = 64_000


def service_needs(root: Folder) -> Iterator[Need]:
    """Those of compose files first: they say how to start them."""
    yield from _of_compose(root)
    yield from _of_addresses(root)
    yield from _files(root)


def known_service(name: str) -> Service | None:
    """The service that an image, an address or the name of a variable speaks of."""
    return next((service for part, service in KNOWN.items() if part in name.lower()), None)


def service_need(name: str, where: str, why: str) -> Need | None:
    """A need for a service that Docker can start; None for one that is not known."""
    service = known_service(name)
    if service is None:
        return None
    container = f"ralph-{service.name}"
    ports = f"127.0.0.1:{service.port}:{service.port}"
    up = f"docker run -d --rm --name {container} {service.options}-p {ports} {service.image}"
    wait = f" && until docker exec {container} {service.ready}; do sleep 1; done" if service.ready else ""
    lines = service_lines(service.name, up + wait, f"docker stop {container}")
    return Need(NeedKind.SERVICE, service.name, why, where, lines)


def service_lines(name: str, up: str, down: str) -> str:
    """The lines of ralph.toml that start and stop it."""
    return f'[[services]]\nname = "{name}"\nup = "{up}"\ndown = "{down}"\n{REACH}\n'


def _of_compose(root: Folder) -> Iterator[Need]:
    for file in COMPOSE_FILES:
        for name, value in table(read_yaml(root, file), "services").items():
            service = table(value)
            known = known_service(str(service.get("image") or ("" if "build" in service else name)))
            if known and re.fullmatch(r"[\w.-]+", name):
                option = "" if file in {COMPOSE_FILES[0], COMPOSE_FILES[3]} else f" -f {file}"
                up, down = (f"docker compose{option} {verb} {name}" for verb in ("up -d --wait", "stop"))
                why = f'{file} has the service "{name}"; checks that talk to it need it running'
                yield Need(NeedKind.SERVICE, known.name, why, file, service_lines(name, up, down))


def _of_addresses(root: Folder) -> Iterator[Need]:
    tests = [name for name in root.listed if TEST_SETTINGS.fullmatch(name)][:READ_FILES]
    for file in (*[name for name in ENV_EXAMPLES if root.has(name)], *tests):
        text = root.text(file, READ_BYTES)
        for name in dict.fromkeys([*ADDRESS.findall(text), *URL_NAME.findall(text)]):
            need = service_need(name, file, f"{file} names it ({name})")
            if need:
                yield need
        if (
            URL_NAME.search(text)
            and not any(known_service(name) for name in ADDRESS.findall(text))
            and "sqlite" not in text
        ):
            yield from _unknown_database(file, URL_NAME.findall(text))


def _unknown_database(file: str, names: Iterable[str]) -> Iterator[Need]:
    """`DATABASE_URL` without an address says that there is one, not which."""
    for name in dict.fromkeys(name for name in names if not known_service(name)):
        remedy = service_lines(UNKNOWN_DATABASE, "the command that starts it", "the command that stops it")
        yield Need(NeedKind.SERVICE, UNKNOWN_DATABASE, f"{file} reads its address from {name}", file, remedy)


def _files(root: Folder) -> Iterator[Need]:
    for example in (name for name in root.listed if name.rsplit("/", 1)[-1] in ENV_EXAMPLES[:5]):
        folder, _, _ = example.rpartition("/")
        name = f"{folder}/.env" if folder else ".env"
        if not (root.has(name) and not ignored(root.root, [name])):
            why = f"{example} says that settings are read from {name}, which a fresh worktree does not have"
            remedy = f'copy = ["{name}"]   # your own file, with its secrets; or begin setup with: cp {example} {name}'
            yield Need(NeedKind.FILE, name, why, example, remedy)
