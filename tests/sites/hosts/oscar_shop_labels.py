from analytics.apps import AnalyticsConfig


class LoginAnalytics(AnalyticsConfig):
    label = "login_analytics"
