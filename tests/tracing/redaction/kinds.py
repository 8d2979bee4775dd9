"""Kinds of secret, made from dice: nothing here is a key, and no line of this file looks like one to a scanner.

A kind is a maker of `Sample`s: the text as it is pasted, and the part of it that has to vanish.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
WORDISH = ALNUM + "_-"
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"
BASE64 = ALNUM + "+/"
BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
WORDS = ("wonder", "dragon", "harvest", "purple", "monkey", "rocket", "velvet", "copper", "tiger", "winter")


@dataclass(frozen=True)
class Sample:
    """`text` is what a person would paste; `secret` the part of it that nobody may see."""

    text: str
    secret: str


@dataclass(frozen=True)
class Kind:
    """`variable` is what such a secret is usually called. `bare`: it says by its own shape what it is."""

    name: str
    variable: str
    make: Callable[[random.Random], Sample]
    bare: bool = True


def chars(dice: random.Random, alphabet: str, count: int) -> str:
    """As services make them: never without a digit and a letter, however the dice fall."""
    text = "".join(dice.choice(alphabet) for _ in range(count - 2))
    return text + ("7" if "7" in alphabet else "3") + next((one for one in "kKa" if one in alphabet), "7")


def _is_like(*parts: str | tuple[str, int]) -> Callable[[random.Random], Sample]:
    """Fixed text and (alphabet, count) in turn."""

    def make(dice: random.Random) -> Sample:
        text = "".join(part if isinstance(part, str) else chars(dice, *part) for part in parts)
        return Sample(text, text)

    return make


def _one_of(prefixes: tuple[str, ...], alphabet: str, count: int) -> Callable[[random.Random], Sample]:
    return lambda dice: _is_like(dice.choice(prefixes), (alphabet, count))(dice)


def _digits(dice: random.Random, count: int) -> str:
    return str(dice.randrange(10 ** (count - 1), 10**count))


def _slack_bot(dice: random.Random) -> Sample:
    text = "-".join(["xox" + "b", _digits(dice, 12), _digits(dice, 12), chars(dice, ALNUM, 24)])
    return Sample(text, text)


def _slack_app(dice: random.Random) -> Sample:
    text = "-".join(["xa" + "pp", "1", "A" + chars(dice, BASE32, 10), _digits(dice, 13), chars(dice, HEX, 64)])
    return Sample(text, text)


def _slack_webhook(dice: random.Random) -> Sample:
    secret = "/".join(["T" + chars(dice, BASE32, 8), "B" + chars(dice, BASE32, 10), chars(dice, ALNUM, 24)])
    return Sample("https://hooks.slack" + f".com/services/{secret}", secret)


def _discord_webhook(dice: random.Random) -> Sample:
    secret = chars(dice, WORDISH, 68)
    return Sample(f"https://discord.com/api/web{'hooks'}/{_digits(dice, 19)}/{secret}", secret)


def _discord_bot(dice: random.Random) -> Sample:
    user = base64.b64encode(_digits(dice, 18).encode()).decode()
    text = f"{user}.G{chars(dice, ALNUM, 5)}.{chars(dice, WORDISH, 38)}"
    return Sample(text, text[25:])


def _telegram(dice: random.Random) -> Sample:
    secret = "AA" + chars(dice, WORDISH, 33)
    return Sample(f"{_digits(dice, 10)}:{secret}", secret)


def _jwt(dice: random.Random) -> Sample:
    parts = [
        {"alg": "HS256", "typ": "JWT"},
        {"sub": _digits(dice, 9), "name": dice.choice(WORDS), "iat": 1_750_000_000},
    ]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    signature = chars(dice, WORDISH, 43)
    return Sample(f"{text}.{signature}", signature)


def _pem(label: str, lines: int) -> Callable[[random.Random], Sample]:
    def make(dice: random.Random) -> Sample:
        body = "\n".join(chars(dice, BASE64, 64) for _ in range(lines)) + "\n" + chars(dice, BASE64, 30) + "=="
        name = f"{label} PRIVATE" + " KEY"
        return Sample(f"-----BEGIN {name}-----\n{body}\n-----END {name}-----", body)

    return make


def _service_account(dice: random.Random) -> Sample:
    key = _pem("", 12)(dice).text.replace("  ", " ").replace("BEGIN  ", "BEGIN ").replace("END  ", "END ")
    body = json.dumps(key.split("-----")[2])[1:-1]
    account = {
        "type": "service_account",
        "project_id": f"acme-{dice.choice(WORDS)}",
        "private_key_id": chars(dice, HEX, 40),
        "private_key": key + "\n",
        "client_email": f"robot@acme-{dice.choice(WORDS)}.iam.gserviceaccount.com",
    }
    return Sample(json.dumps(account), body)


def _azure_key(dice: random.Random) -> str:
    return chars(dice, BASE64, 86) + "=="


def _azure_connection(dice: random.Random) -> Sample:
    secret = _azure_key(dice)
    text = f"DefaultEndpointsProtocol=https;AccountName=acme{dice.choice(WORDS)};Account{'Key'}={secret};EndpointSuffix=core.windows.net"
    return Sample(text, secret)


def _database_url(dice: random.Random) -> Sample:
    scheme = dice.choice(("postgres", "postgresql+psycopg", "mysql", "mongodb+srv", "redis", "amqp", "https"))
    user = dice.choice(("app", "admin", "root", "svc-web", ""))
    secret = chars(dice, ALNUM + "-_.!", dice.randrange(8, 24))
    return Sample(f"{scheme}://{user}:{secret}@db.{dice.choice(WORDS)}.internal:5432/main", secret)


def _bearer(dice: random.Random) -> Sample:
    secret = chars(dice, ALNUM + "-._~", dice.randrange(20, 60))
    return Sample(f"Authorization: Bearer {secret}", secret)


def _basic(dice: random.Random) -> Sample:
    secret = base64.b64encode(f"{dice.choice(WORDS)}:{chars(dice, ALNUM, 16)}".encode()).decode()
    return Sample(f"Authorization: Basic {secret}", secret)


def _cookie(dice: random.Random) -> Sample:
    name = dice.choice(
        ("sessionid", "session", "connect.sid", "JSESSIONID", "PHPSESSID", "_session_id", "auth_session")
    )
    secret = chars(dice, ALNUM, dice.randrange(26, 40))
    return Sample(f"Cookie: theme=dark; {name}={secret}; lang=en", secret)


def _password(dice: random.Random) -> Sample:
    text = (
        f"{dice.choice(WORDS)}{dice.choice(WORDS).title()}{dice.choice(('', '-', '_', '.'))}{dice.randrange(7, 99_999)}"
    )
    return Sample(text, text)


def _sentry_dsn(dice: random.Random) -> Sample:
    secret = chars(dice, HEX, 32)
    return Sample(f"https://{secret}@o{_digits(dice, 6)}.ingest.us.sentry.io/{_digits(dice, 7)}", secret)


def _uuid(dice: random.Random) -> str:
    return "-".join(chars(dice, HEX, count) for count in (8, 4, 4, 4, 12))


def _langfuse(dice: random.Random) -> Sample:
    text = f"sk-{'lf'}-{_uuid(dice)}"
    return Sample(text, text)


def _azure_storage(dice: random.Random) -> Sample:
    text = _azure_key(dice)
    return Sample(text, text)


ALL = (
    Kind("anthropic", "ANTHROPIC_API_KEY", _is_like("sk-" + "ant-api03-", (WORDISH, 93), "AA")),
    Kind("openai-project", "OPENAI_API_KEY", _is_like("sk-" + "proj-", (WORDISH, 74), "T3Blbk" + "FJ", (WORDISH, 74))),
    Kind("openai-service", "OPENAI_API_KEY", _is_like("sk-" + "svcacct-", (WORDISH, 60), "T3Blbk" + "FJ", (WORDISH, 60))),
    Kind("openai-classic", "OPENAI_API_KEY", _is_like("sk-", (ALNUM, 20), "T3Blbk" + "FJ", (ALNUM, 20))),
    Kind("openrouter", "OPENROUTER_API_KEY", _is_like("sk-" + "or-v1-", (HEX, 64))),
    Kind("groq", "GROQ_API_KEY", _is_like("gs" + "k_", (ALNUM, 52))),
    Kind("google", "GEMINI_API_KEY", _is_like("AI" + "za", (WORDISH, 35))),
    Kind("aws-key-id", "AWS_ACCESS_KEY_ID", _one_of(("AK" + "IA", "AS" + "IA"), BASE32, 16)),
    Kind("aws-secret", "AWS_SECRET_ACCESS_KEY", _is_like((BASE64, 40)), bare=False),
    Kind("azure-storage", "AZURE_STORAGE_KEY", _azure_storage, bare=False),
    Kind("azure-connection", "AZURE_STORAGE_CONNECTION_STRING", _azure_connection),
    Kind("gcp-service-account", "GOOGLE_APPLICATION_CREDENTIALS_JSON", _service_account),
    Kind("github-classic", "GITHUB_TOKEN", _one_of(tuple(f"gh{one}_" for one in "posur"), ALNUM, 36)),
    Kind("github-fine-grained", "GH_TOKEN", _is_like("github" + "_pat_", (ALNUM, 22), "_", (ALNUM, 59))),
    Kind("gitlab", "GITLAB_TOKEN", _is_like("gl" + "pat-", (WORDISH, 20))),
    Kind("slack-bot", "SLACK_BOT_TOKEN", _slack_bot),
    Kind("slack-app", "SLACK_APP_TOKEN", _slack_app),
    Kind("slack-webhook", "SLACK_WEBHOOK_URL", _slack_webhook),
    Kind("stripe", "STRIPE_SECRET_KEY", _one_of(tuple(f"{who}_{'live'}_" for who in ("sk", "rk")), ALNUM, 24)),
    Kind("twilio-token", "TWILIO_AUTH_TOKEN", _is_like((HEX, 32)), bare=False),
    Kind("twilio-key", "TWILIO_API_KEY", _is_like("S" + "K", (HEX, 32))),
    Kind("sendgrid", "SENDGRID_API_KEY", _is_like("S" + "G.", (WORDISH, 22), ".", (WORDISH, 43))),
    Kind("mailgun", "MAILGUN_API_KEY", _is_like("ke" + "y-", (HEX, 32))),
    Kind("npm", "NPM_TOKEN", _is_like("np" + "m_", (ALNUM, 36))),
    Kind("pypi", "TWINE_PASSWORD", _is_like("py" + "pi-AgEIcHlwaS5vcmc", (WORDISH, 120))),
    Kind("huggingface", "HF_TOKEN", _is_like("h" + "f_", (ALNUM, 34))),
    Kind("databricks", "DATABRICKS_TOKEN", _is_like("da" + "pi", (HEX, 32))),
    Kind("digitalocean", "DIGITALOCEAN_TOKEN", _is_like("do" + "p_v1_", (HEX, 64))),
    Kind("telegram", "TELEGRAM_BOT_TOKEN", _telegram),
    Kind("discord-bot", "DISCORD_TOKEN", _discord_bot),
    Kind("discord-webhook", "DISCORD_WEBHOOK_URL", _discord_webhook),
    Kind("jwt", "SUPABASE_KEY", _jwt),
    Kind("pem-rsa", "TLS_PRIVATE_KEY", _pem("RSA", 10)),
    Kind("pem-ec", "SIGNING_PRIVATE_KEY", _pem("EC", 2)),
    Kind("pem-openssh", "DEPLOY_PRIVATE_KEY", _pem("OPENSSH", 6)),
    Kind("age", "SOPS_AGE_KEY", _is_like("AGE-SECRET" + "-KEY-1", (BECH32, 58))),
    Kind("database-url", "DATABASE_URL", _database_url),
    Kind("bearer", "AUTH_HEADER", _bearer),
    Kind("basic", "AUTH_HEADER", _basic),
    Kind("cookie", "COOKIE_HEADER", _cookie),
    Kind("generic-api-key", "ACME_API_KEY", _is_like((ALNUM, 32)), bare=False),
    Kind("password", "DB_PASSWORD", _password, bare=False),
    Kind("langfuse", "LANGFUSE_SECRET_KEY", _langfuse),
    Kind("langsmith", "LANGSMITH_API_KEY", _is_like("lsv2" + "_pt_", (HEX, 32), "_", (HEX, 10))),
    Kind("sentry-dsn", "SENTRY_DSN", _sentry_dsn),
    Kind("sentry-token", "SENTRY_AUTH_TOKEN", _is_like("sntr" + "yu_", (HEX, 64))),
)  # fmt: skip
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in ALL}
