"""Finds records that depend on one another, so that many workers give the result of one."""
