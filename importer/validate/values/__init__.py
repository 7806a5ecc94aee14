"""Reads the text of a cell as the value of one field: by columns where it can be proven, else by Django itself."""
