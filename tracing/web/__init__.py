"""A local web app over traces.db: generic pages of any agent's traces, and a registry for further pages and panels."""
