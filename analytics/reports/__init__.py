"""Reads roll-ups and newest events into reports: plain values for the dashboard, its JSON and your own code."""

from analytics.reports.overview import Action, Overview, SeriesPoint, Share, Totals, overview

__all__ = ["Action", "Overview", "SeriesPoint", "Share", "Totals", "overview"]
