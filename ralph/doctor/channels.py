"""Probe of the channels that alerts go to: secrets are there and private, addresses may be sent to. Nothing is sent or looked up."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from ralph.doctor.finding import Finding, Patient, Status
from ralph.errors import RalphError
from ralph.schedule.environment import EnvFileError, with_file
from ralph.settings.load import user_settings
from tracing.alerts.addresses import parse, why_not
from tracing.alerts.attempt import SendError
from tracing.alerts.channels import Channel
from tracing.alerts.secrets import SecretError, Secrets


def alerts(patient: Patient) -> Iterator[Finding]:
    """Only where channels are set: by the user, since a repository has no say in them."""
    try:
        channels = user_settings(patient.home).channels
    except RalphError:
        return  # the probe of the settings says what is wrong
    try:
        environment = with_file(patient.home, patient.environ)
    except EnvFileError as error:
        yield Finding("alerts", Status.WARN, str(error), "no scheduled run and no daemon begins with it")
        return
    usable = []
    for channel in channels:
        if trouble := trouble_with(channel, environment):
            what, _, remedy = trouble.partition(". ")
            remedy = remedy or "correct the channel in config.toml"
            yield Finding("alerts", Status.WARN, f"{channel.name}: {what.removesuffix('.')}", remedy)
        else:
            usable.append(channel.name)
    if usable:
        yield Finding("alerts", Status.OK, f"{', '.join(usable)}; to see one arrive: ralph alerts test {usable[0]}")


def trouble_with(channel: Channel, environment: Mapping[str, str]) -> str:
    """Why nothing could be sent there, as far as this machine knows by itself; "" where nothing is seen."""
    secrets = Secrets(environment)
    try:
        named = [secrets.read(place) for place in (channel.password, channel.key) if place]
        address = secrets.read(channel.url) if channel.url else channel.address or ""
    except SecretError as error:
        return str(error)
    del named  # that they can be read is all
    if not address or channel.kind == "apprise":  # its addresses are its own
        return ""
    try:
        host = parse(address, private=channel.private).host
    except SendError as error:
        return secrets.scrub(str(error))
    inward = _inward(host, private=channel.private)
    return f"{host} is {inward}. If that is meant, set private = true for this channel." if inward else ""


def _inward(host: str, *, private: bool) -> str:
    """Of an address in numbers; a name is judged when something is sent."""
    try:
        return why_not(ip_address(host.partition("%")[0]), private=private)
    except ValueError:
        return ""
