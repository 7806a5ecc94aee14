"""Connects the apps to a site: users, POVs, TRRs, sign-on, cache, monitoring, and services for development.

The floors, from the top; imports run down only, and import-linter checks it (`pyproject.toml`):

    settings, management, urls, admin, administration, views
    monitoring   probes, health, metrics, logs, stack_doctor
    embedded     PostgreSQL and Valkey for development; `demo` fills a site
    work, table   what the home page and the lists show
    privacy, freshness, listings, profile, sessions, imports, asked, columns
    signon       providers, limits of tries, who may sign in
    cache        django-redis' backend with protection against stampedes and outages
    models
"""
