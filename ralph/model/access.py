"""What a provider needs before it can be called, found out before a run begins; and what its models cost.

Asks no network of its own; the clouds' libraries may look at the metadata server of the machine that they run on.
"""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal

from ralph.errors import RalphError
from ralph.settings.schema import Settings
from tracing.prices import UPDATE, VERTEX_REGIONAL, WARN_AGE_DAYS, PriceBook, StalePriceError, UnknownPriceError

KEY_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
PROJECT_VARIABLES = ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT")
NO_KEY_SENT = "no-key"

NO_KEY = (
    "no key for the model: set ANTHROPIC_API_KEY (or ANTHROPIC_BASE_URL for a compatible server). "
    "To see Ralph work without one, run: ralph demo"
)
NO_EXTRA = (
    "provider = \"{provider}\" needs a package that is not installed. Run: pip install 'ralph-runner[{provider}]'"
)
NO_AWS_REGION = "no AWS region for Bedrock. Set AWS_REGION (for example `export AWS_REGION=us-east-1`), or a region in the AWS profile."
NO_AWS_CREDENTIALS = (
    "no AWS credentials for Bedrock. Run `aws sso login` or `aws configure`, or set AWS_BEARER_TOKEN_BEDROCK, "
    "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)
NO_GOOGLE_REGION = 'no region for Vertex. Set CLOUD_ML_REGION to one, or to "global" (`export CLOUD_ML_REGION=global`).'
NO_GOOGLE_PROJECT = (
    "no project for Vertex. Set ANTHROPIC_VERTEX_PROJECT_ID (or GOOGLE_CLOUD_PROJECT) to the project's id."
)
NO_GOOGLE_CREDENTIALS = (
    "no Google credentials for Vertex. Run `gcloud auth application-default login`, or set "
    "GOOGLE_APPLICATION_CREDENTIALS to a key file."
)

OTHER_MAKER = (
    'the model "{}" is another maker\'s ({}), and calls would go to Anthropic, who does not have it. Name a Claude model '
    "(--model claude-opus-5-5); or, where a server that speaks Anthropic's format serves it, give that server's address "
    "as base_url in config.toml, or ANTHROPIC_BASE_URL."
)
OTHER_CLOUD = (
    'the model "{name}" is named as {cloud} names it, and calls would go to Anthropic. '
    "Add --set provider={cloud}, or name it as Anthropic does (--model claude-opus-5-5)."
)
CLOUDS = {"aws": "bedrock", "google": "vertex"}


def require_access(settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
    """See that the provider of the settings can be called.

    `environ` is where regions, projects and keys are read; the clouds' libraries read the environment of the process.

    Raises:
        RalphError: something is missing; the message is the remedy.
    """
    {"anthropic": _require_key, "bedrock": _require_aws, "vertex": _require_google}[settings.provider](
        settings, environ
    )


def require_models(
    settings: Settings,
    prices: PriceBook,
    names: Sequence[str],
    environ: Mapping[str, str] = os.environ,
    *,
    played: bool = False,
) -> None:
    """See that each model has a price, and unless somebody plays it, that the service which would be asked has it.

    Raises:
        RalphError: the message is the remedy.
    """
    asks_anthropic = settings.provider == "anthropic" and not played and not own_server(settings, environ)
    for name in names:
        try:
            prices.check(name)
        except StalePriceError as error:
            if not played:  # what is only played costs nothing
                raise RalphError(str(error)) from error
        except UnknownPriceError as error:
            raise RalphError(str(error)) from error
        maker = prices.maker(name)
        if asks_anthropic and maker not in {"", "anthropic"}:
            cloud = CLOUDS.get(maker) if "claude" in name else None
            raise RalphError(OTHER_CLOUD.format(name=name, cloud=cloud) if cloud else OTHER_MAKER.format(name, maker))


def own_server(settings: Settings, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether an Anthropic-compatible server is named, which may ask for no key."""
    return bool(settings.base_url or environ.get("ANTHROPIC_BASE_URL"))


def key_for(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """The key to send; None: the SDK finds it. The SDK sends nothing without one, so a server of one's own gets a word."""
    if settings.provider != "anthropic" or not own_server(settings, environ) or _first(environ, KEY_VARIABLES):
        return None
    return NO_KEY_SENT


def vertex_project(environ: Mapping[str, str] = os.environ) -> str | None:
    return _first(environ, PROJECT_VARIABLES)


def price_book(settings: Settings, environ: Mapping[str, str] = os.environ) -> PriceBook:
    """The prices of the provider that the settings name: never lower than what its region charges."""
    most_days = settings.limits.prices_max_age_days
    if settings.provider == "bedrock":
        return PriceBook(settings.prices, catalogue="aws", max_age_days=most_days)
    if settings.provider == "vertex":
        is_global = environ.get("CLOUD_ML_REGION") == "global"
        surcharge = Decimal(1) if is_global else VERTEX_REGIONAL
        return PriceBook(settings.prices, catalogue="google", surcharge=surcharge, max_age_days=most_days)
    return PriceBook(settings.prices, max_age_days=most_days)


def price_notes(settings: Settings, prices: PriceBook, names: Sequence[str]) -> tuple[str, ...]:
    """That the price table becomes too old before long, for as long as it is not refused; else nothing."""
    oldest_days = max((prices.age_days(name) for name in names), default=0)
    most_days = settings.limits.prices_max_age_days
    if not min(WARN_AGE_DAYS, most_days * 2 // 3) < oldest_days <= most_days:
        return ()
    left = most_days - oldest_days
    return (f"prices are {oldest_days} days old; in {left} days Ralph stops trusting them. Update them: {UPDATE}",)


def _require_key(settings: Settings, environ: Mapping[str, str]) -> None:
    if not own_server(settings, environ) and not _first(environ, KEY_VARIABLES):
        raise RalphError(NO_KEY)


def _require_aws(_settings: Settings, environ: Mapping[str, str]) -> None:
    _require_package("boto3", "bedrock")
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415  # only Bedrock pays for it
    from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        session = boto3.Session()
        region = _first(environ, ("AWS_REGION", "AWS_DEFAULT_REGION")) or session.region_name
        credentials = environ.get("AWS_BEARER_TOKEN_BEDROCK") or session.get_credentials()
    except BotoCoreError as error:
        raise RalphError(f"the AWS settings cannot be used: {error}. {NO_AWS_CREDENTIALS}") from error
    if not region:
        raise RalphError(NO_AWS_REGION)
    if not credentials:
        raise RalphError(NO_AWS_CREDENTIALS)


def _require_google(_settings: Settings, environ: Mapping[str, str]) -> None:
    _require_package("google.auth", "vertex")
    if not environ.get("CLOUD_ML_REGION"):
        raise RalphError(NO_GOOGLE_REGION)
    if not vertex_project(environ):
        raise RalphError(NO_GOOGLE_PROJECT)
    import google.auth  # noqa: PLC0415  # only Vertex pays for it
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

    try:
        google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    except GoogleAuthError as error:
        raise RalphError(f"{NO_GOOGLE_CREDENTIALS} ({error})") from error


def _require_package(module: str, provider: str) -> None:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # of a parent package
        found = None
    if found is None:
        raise RalphError(NO_EXTRA.format(provider=provider))


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)
