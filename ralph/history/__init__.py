"""What is known of runs and stories afterwards: logs, status, and what happened to a story in words."""
