"""Connects the apps to a site: users, POVs, TRRs, sign-on, cache, monitoring, and services for development.

The floors, from the top; imports run down only, and import-linter checks it (`pyproject.toml`):

    settings, management, urls, admin, administration
    pages        the home page, and the lists and details of POVs and TRRs
    monitoring   probes, health, metrics, logs, stack_doctor
    embedded     PostgreSQL and Valkey for development; `demo` fills a site
    privacy, freshness, sessions, imports
    signon       providers, limits of tries, who may sign in
    cache        django-redis' backend with protection against stampedes and outages
    models
    locale       formats of days and moments
"""
