"""What the agent can do: bash, read, edit, write, grep, glob, finish."""

from ralph.tools.result import ToolResult
from ralph.tools.toolbox import Toolbox

__all__ = ["ToolResult", "Toolbox"]
