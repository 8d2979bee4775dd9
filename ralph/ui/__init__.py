"""What Ralph adds to the trace viewer: the outcome beside a trace, the overview, the PRD as a board. Read-only."""
