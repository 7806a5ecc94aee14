"""Tells what the values of a column are (`columns`): dates, numbers, words for nothing, yes and no, or other kinds."""
