"""Runs in the coordinator: one run of a job, from the plan to the result."""
