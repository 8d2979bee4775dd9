"""Settings from ralph.toml, config.toml and the command line: validated, with the place of every value and mistake."""

from ralph.settings.kinds import Effort
from ralph.settings.layers import Layer, Origin, SettingsFile, parse_set_option
from ralph.settings.load import REPO_FILE, Loaded, load_settings, resolve
from ralph.settings.problems import SettingsError
from ralph.settings.schema import Settings

__all__ = [
    "REPO_FILE",
    "Effort",
    "Layer",
    "Loaded",
    "Origin",
    "Settings",
    "SettingsError",
    "SettingsFile",
    "load_settings",
    "parse_set_option",
    "resolve",
]
