"""What machines ask of a process, and what an operator asks of a deployment."""
