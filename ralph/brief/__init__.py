"""What the agent is told: the first message of a story, the rules it draws on, and what goes back after the checks."""
