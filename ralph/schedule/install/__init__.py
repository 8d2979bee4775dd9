"""Has the system's own service manager start `ralph daemon`: systemd, launchd or cron."""
