"""Alerts about Ralph's own work (stories, limits, schedules, settings), and the service that evaluates every rule and sends what they say."""
