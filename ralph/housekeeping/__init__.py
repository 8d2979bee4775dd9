"""Housekeeping: what Ralph keeps for how long, what would go, and letting it go beside a run."""
