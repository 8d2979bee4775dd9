"""Probe of the channels that alerts go to: secrets are there and private, addresses may be sent to. Nothing is sent or looked up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address

from ralph.doctor.finding import Finding, Patient, Status
from ralph.errors import RalphError
from ralph.schedule.environment import EnvFileError, with_file
from ralph.settings.load import user_settings
from ralph.settings.schema import Settings
from tracing.alerts.addresses import parse, why_not
from tracing.alerts.attempt import SendError
from tracing.alerts.channels import Channel
from tracing.alerts.secrets import SecretError, Secrets


def alerts(patient: Patient) -> Iterator[Finding]:
    """Only where channels are set: by the user, since a repository has no say in them."""
    try:
        settings = user_settings(patient.home)
    except RalphError:
        return  # the probe of the settings says what is wrong
    yield from _misspelt(patient, settings)
    channels = settings.channels
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


def _misspelt(patient: Patient, settings: Settings) -> Iterator[Finding]:
    """A rule or a channel that is named and does not exist: without a word, nobody would ever be told by it."""
    from ralph.alerts.rules import every_rule  # noqa: PLC0415  # heavy, and most people name none

    asked = [("alerts.off", settings.alerts.off), *((f"rules of {one.name}", one.rules) for one in settings.channels)]
    if any(names for _, names in asked):
        rules = [rule.name for rule in every_rule(patient.home, settings)]
        for place, names in asked:
            yield from _unknown("rule", place, names, rules)
    yield from _unknown("channel", "report.to", settings.report.to, [one.name for one in settings.channels])


def _unknown(what: str, place: str, names: Iterable[str], known: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        if name not in known:
            remedy = f"correct it in config.toml; there are: {', '.join(known) or 'none'}"
            yield Finding("alerts", Status.WARN, f'{place}: there is no {what} "{name}"', remedy)


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
    hint = "" if channel.private else " If that is meant, set private = true for this channel."
    return f"{host} is {inward}.{hint}" if inward else ""


def _inward(host: str, *, private: bool) -> str:
    """Of an address in numbers; a name is judged when something is sent."""
    try:
        return why_not(ip_address(host.partition("%")[0]), private=private)
    except ValueError:
        return ""
