"""Holds what a site declares (specs), and compiles it and a source's columns into a mapping."""
