"""Replaces the command with which Django empties the database between tests by a quick one."""
