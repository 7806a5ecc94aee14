"""The site around the apps: users, POVs, TRRs, sign-on, cache, monitoring, and the services of a development checkout.

The floors, from the top; imports run down only, and import-linter checks it (`pyproject.toml`):

    settings, management, urls, admin, views
    monitoring   probes, health, metrics, logs, the doctor of a deployment
    embedded     PostgreSQL and Valkey for development; `demo` fills a site
    privacy, freshness, listings, profile, sessions, imports
    signon       providers, limits of tries, who is admitted
    cache        django-redis' backend, made to survive stampedes and a Redis that is away
    models
"""
