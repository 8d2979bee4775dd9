"""The home that the system has on record for this user, whatever HOME says: tools ask for it, and keys lie in it."""

import os
import pwd
from pathlib import Path


def recorded_home(uid: int | None = None) -> Path | None:
    """None where nothing is on record, as for `docker run --user 1234`."""
    try:
        return Path(pwd.getpwuid(os.getuid() if uid is None else uid).pw_dir)
    except KeyError:
        return None
