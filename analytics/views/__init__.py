"""Serves the dashboard and the pages around it, a module for each thing that is shown."""
