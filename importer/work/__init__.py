"""What runs in a worker: it claims chunks and carries each through the stages, batch by batch."""
