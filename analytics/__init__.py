"""Shows a dashboard of logins and activities in the Django admin. See docs/analytics.md.

The packages from top to bottom; a figure takes the opposite way. Each imports only from those below it; import-linter
checks this (`pyproject.toml`):

    views       pages, JSON and files, guarded by `access` and `rights`
    dashboard   make the content of the template: cards, breakdowns, tables, links
    panels      read the lists beside the figures: feed, sessions, security, import jobs, caches
    reports     read: turn a question into an overview, from roll-ups and the events behind them
    rollups     make: count each event once into small tables, by position
"""
