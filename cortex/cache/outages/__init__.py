"""What happens while Redis is away, and how it is made up for."""
