"""Services and local files that the checks may need: from compose files, CI, example environments and tests.

That one is named says only that something in the repo uses it; whether the checks do, trying them shows.
"""

import re
from collections.abc import Iterable, Iterator

from ralph.detect.proposal import Need, NeedKind
from ralph.detect.tree import Folder, ignored, one_line, table
from ralph.detect.yaml_file import read_yaml

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
ENV_EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example", ".env.test.example")
KNOWN = {  # what the image's or the address's name has in it -> the service, its port, its image
    "postg": ("postgres", 5432, "postgres:17"),
    "pgvector": ("postgres", 5432, "pgvector/pgvector:pg17"),
    "timescale": ("postgres", 5432, "timescale/timescaledb:latest-pg17"),
    "mysql": ("mysql", 3306, "mysql:8"),
    "mariadb": ("mysql", 3306, "mariadb:11"),
    "redis": ("redis", 6379, "redis:7"),
    "valkey": ("redis", 6379, "valkey/valkey:8"),
    "mongo": ("mongodb", 27017, "mongo:8"),
    "rabbitmq": ("rabbitmq", 5672, "rabbitmq:4"),
    "amqp": ("rabbitmq", 5672, "rabbitmq:4"),
    "kafka": ("kafka", 9092, "apache/kafka:4.0.0"),
    "opensearch": ("opensearch", 9200, "opensearchproject/opensearch:2"),
    "elasticsearch": ("elasticsearch", 9200, "elasticsearch:9.0.0"),
    "memcached": ("memcached", 11211, "memcached:1"),
    "minio": ("minio", 9000, "minio/minio"),
    "localstack": ("localstack", 4566, "localstack/localstack"),
    "nats": ("nats", 4222, "nats:2"),
    "clickhouse": ("clickhouse", 8123, "clickhouse/clickhouse-server"),
    "cassandra": ("cassandra", 9042, "cassandra:5"),
}
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


def known_service(name: str) -> tuple[str, int, str] | None:
    """The service that an image, a host or the name of a variable speaks of."""
    return next((service for part, service in KNOWN.items() if part in name.lower()), None)


def service_need(name: str, where: str, why: str) -> Need | None:
    """A need for a service that Docker can start; None for one that is not known."""
    service = known_service(name)
    if service is None:
        return None
    kind, port, image = service
    up = f"docker run -d --rm --name ralph-{kind} -p 127.0.0.1:{port}:{port} {image}"
    return Need(NeedKind.SERVICE, kind, why, where, service_lines(kind, up, f"docker stop ralph-{kind}"))


def service_lines(name: str, up: str, down: str) -> str:
    """The lines of ralph.toml that start and stop it."""
    return f'[[services]]\nname = "{name}"\nup = "{up}"\ndown = "{down}"\n'


def _of_compose(root: Folder) -> Iterator[Need]:
    for file in COMPOSE_FILES:
        for name, value in table(read_yaml(root, file), "services").items():
            service = table(value)
            known = known_service(str(service.get("image") or ("" if "build" in service else name)))
            if known and re.fullmatch(r"[\w.-]+", name):
                option = "" if file in {COMPOSE_FILES[0], COMPOSE_FILES[3]} else f" -f {file}"
                up, down = (f"docker compose{option} {verb} {name}" for verb in ("up -d --wait", "stop"))
                why = f'{file} has the service "{name}"; checks that talk to it need it running'
                yield Need(NeedKind.SERVICE, known[0], why, file, service_lines(name, up, down))


def _of_addresses(root: Folder) -> Iterator[Need]:
    tests = [name for name in root.listed if TEST_SETTINGS.fullmatch(name)][:READ_FILES]
    for file in (*[name for name in ENV_EXAMPLES if root.has(name)], *tests):
        text = root.text(file, READ_BYTES)
        for address in _addresses(text, is_env=file in ENV_EXAMPLES):
            need = service_need(address, file, f"{file} has an address of it ({one_line(address, 40)})")
            if need:
                yield need


def _addresses(text: str, *, is_env: bool) -> Iterable[str]:
    found = [match.group(1) for match in ADDRESS.finditer(text)]
    return dict.fromkeys([*found, *(match.group() for match in URL_NAME.finditer(text) if is_env)])


def _files(root: Folder) -> Iterator[Need]:
    for example in (name for name in root.listed if name.rsplit("/", 1)[-1] in ENV_EXAMPLES[:5]):
        folder, _, _ = example.rpartition("/")
        name = f"{folder}/.env" if folder else ".env"
        if not (root.has(name) and not ignored(root.root, [name])):
            why = f"{example} says that settings are read from {name}, which a fresh worktree does not have"
            remedy = f'copy = ["{name}"]   # your own file, with its secrets; or begin setup with: cp {example} {name}'
            yield Need(NeedKind.FILE, name, why, example, remedy)
