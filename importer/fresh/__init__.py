"""Loads an empty table through a bare copy of it, which then takes its place (`run_import --fresh`)."""
