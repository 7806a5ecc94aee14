"""Tables, columns and files as real sites have them, which no model here describes."""
