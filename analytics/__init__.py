"""A dashboard of logins and activities in the Django admin, fast at any number of events. See docs/analytics.md.

The packages in the order of their floors, which is the way of a number; imports run down only, and import-linter checks
it (`pyproject.toml`):

    views       pages, JSON and files, guarded by `access` and `rights`
    dashboard   what the template shows: cards, breakdowns, tables, links
    panels      lists beside the figures: feed, sessions, security, import jobs, caches
    reports     read: a question becomes an overview, from roll-ups and the events behind them
    rollups     make: events are counted once into small tables, by position
"""
