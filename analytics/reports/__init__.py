"""Reads roll-ups and the newest events into reports: plain values for pages, JSON and your own code."""

from analytics.reports.active import ActiveUsers, active_users
from analytics.reports.overview import Action, Overview, SeriesPoint, Share, Totals, overview

__all__ = [
    "Action",
    "ActiveUsers",
    "Overview",
    "SeriesPoint",
    "Share",
    "Totals",
    "active_users",
    "overview",
]
