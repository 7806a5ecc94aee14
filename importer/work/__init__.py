"""Runs in a worker: claims chunks and carries each through the stages, batch by batch."""
