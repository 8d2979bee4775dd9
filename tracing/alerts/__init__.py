"""Alerts: rules with state over traces, a durable outbox, and senders. Knows nothing of PRDs or coding agents."""
