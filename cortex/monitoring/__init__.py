"""Answers probes and Prometheus, writes logs, and checks a running deployment."""
