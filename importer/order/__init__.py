"""Finds which records meet one another, so that several workers do what one worker would have done."""
