"""Alerts about Ralph's own work (stories, limits, schedules), and the service that evaluates every rule and sends what they say."""
