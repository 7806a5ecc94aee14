"""Decides the fate of records that collide with rows, with one another, or with constraints."""
