"""Where commands run: bubblewrap if a live probe shows that it works, else plainly."""

from ralph.sandbox.base import NoSandbox, Sandbox
from ralph.sandbox.choose import choose_sandbox

__all__ = ["NoSandbox", "Sandbox", "choose_sandbox"]
