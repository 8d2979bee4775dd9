"""Makes the SDK's clients as the loop needs them: no retries and no spans of their own, any transport underneath."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anthropic
    import httpx2

    from ralph.settings.kinds import Provider

    Client = anthropic.Anthropic | anthropic.AnthropicBedrock | anthropic.AnthropicVertex


def sdk_client(
    *,
    provider: "Provider" = "anthropic",
    base_url: str | None = None,
    api_key: str | None = None,
    project: str | None = None,
    transport: "httpx2.BaseTransport | None" = None,
) -> "Callable[[], Client]":
    """A maker of clients, for `Model`. None: what the SDK finds by itself (the environment, the network).

    `api_key`: Anthropic's key, Bedrock's API key, or Vertex's access token; None: the cloud's own credentials.
    `project`: Vertex's.
    """

    def make() -> "Client":
        import anthropic  # noqa: PLC0415  # a second of import that only a run pays
        import httpx2  # noqa: PLC0415

        http_client = httpx2.Client(transport=transport) if transport else None
        if provider == "bedrock":
            return anthropic.AnthropicBedrock(
                api_key=api_key, base_url=base_url, max_retries=0, open_telemetry=False, http_client=http_client
            )
        if provider == "vertex":
            return anthropic.AnthropicVertex(
                access_token=api_key,
                project_id=project or anthropic.not_given,
                base_url=base_url,
                max_retries=0,
                open_telemetry=False,
                http_client=http_client,
            )
        return anthropic.Anthropic(
            api_key=api_key, base_url=base_url, max_retries=0, open_telemetry=False, http_client=http_client
        )

    return make


def credential_errors() -> tuple[type[Exception], ...]:
    """What the clouds' own libraries raise when a request cannot be signed; empty where they are not in use."""
    return _loaded(("botocore.exceptions", "BotoCoreError"), ("google.auth.exceptions", "GoogleAuthError"))


def decoding_errors() -> tuple[type[Exception], ...]:
    """What they raise for a stream whose bytes are damaged."""
    return _loaded(("botocore.eventstream", "ParserError"))


def _loaded(*places: tuple[str, str]) -> tuple[type[Exception], ...]:
    return tuple(getattr(sys.modules[module], name) for module, name in places if module in sys.modules)
