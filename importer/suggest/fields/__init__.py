"""Guesses which column fills which field.

match        a field for each column (pairs: how well each two fit)
references   which field of another model a column names; choices: which choice a word means
options      how a field reads a column
key          the fields by which a row is recognised
"""
