"""The door to detection for a run without settings."""

from ralph.detect import detect_checks

__all__ = ["detect_checks"]
