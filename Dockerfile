# The site, its workers and its commands: one image, no tool of development in it.

FROM node:22.20.0-bookworm-slim AS countries
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY .ci/countries .ci/countries
# Here missing countries are a broken image. Of the three files of the package, one has the addresses of both versions.
RUN .ci/countries && cd node_modules/@ip-location-db/geo-whois-asn-country-mmdb && install -D --mode=444 --target-directory=/build/countries \
    geo-whois-asn-country.mmdb NRO_LICENSE

FROM python:3.13.9-slim-trixie AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --require-hashes --requirement requirements.lock

FROM python:3.13.9-slim-trixie
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=cortex.settings \
    HASHED_STATIC_FILES=true \
    CORTEX_LOCAL_DIR=/var/lib/cortex
# A volume takes over the owner of the folder it covers.
RUN groupadd --gid 10001 cortex \
    && useradd --uid 10001 --gid cortex --no-create-home --home-dir /var/lib/cortex --shell /usr/sbin/nologin cortex \
    && install --directory --owner=cortex --group=cortex /var/lib/cortex /srv/static /srv/imports
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY analytics analytics
COPY cortex cortex
COPY importer importer
COPY tracking tracking
COPY deploy/gunicorn/gunicorn.conf.py ./
COPY --from=countries /build/countries node_modules/@ip-location-db/geo-whois-asn-country-mmdb
# To collect files needs no secret and no database: this is the development default, gone when the step is done.
RUN python manage.py collectstatic --noinput --verbosity 0 && python -m compileall -q .

USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "cortex.wsgi"]
