"""Writes a source that no reader can read as it is (packed, other encodings) into a file of the spool."""
