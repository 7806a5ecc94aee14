"""A site that has apps and tables of our names already: labels, tables and an AdminSite of its own."""

from tests.analytics.host.settings import *  # noqa: F403
from tests.analytics.host.settings import INSTALLED_APPS as APPS

OURS = {
    "tracking": "tests.sites.hosts.renamed_apps.LoginTracking",
    "analytics": "tests.sites.hosts.renamed_apps.LoginAnalytics",
    "importer": "tests.sites.hosts.renamed_apps.DataImport",
}
INSTALLED_APPS = (
    *(OURS.get(app.partition(".")[0], app) for app in APPS),
    OURS["importer"],
    "tests.sites.hosts.renamed_theirs.apps.TheirConfig",
)
TRACKING = {"TABLE_PREFIX": "site_security_"}
IMPORTER = {"TABLE_PREFIX": "site_data_"}
ANALYTICS = {"TABLE_PREFIX": "site_reports_", "ADMIN_SITE": "tests.sites.hosts.renamed_urls.office"}
ROOT_URLCONF = "tests.sites.hosts.renamed_urls"
