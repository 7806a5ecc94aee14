from analytics.apps import AnalyticsConfig
from importer.apps import ImporterConfig
from tracking.apps import TrackingConfig


class LoginTracking(TrackingConfig):
    label = "login_tracking"


class LoginAnalytics(AnalyticsConfig):
    label = "login_analytics"


class DataImport(ImporterConfig):
    label = "data_import"
