"""Guesses, from a bounded sample, how a file is written and which field of a model each column fills.

    suggestion   puts all together, and gives the options of a mapping
    python       writes a suggestion, or a stored mapping, as a spec in Python
    mapping      keeps the options of a mapping in the database
    fields       which column fills which field, how it is read, and by what a row is recognised
    values       what the values of a column are
    names        how alike the names of a column and a field are (meanings: what words mean)
    file         how the file is written, and its first records

Every guess carries its reason. What the sample does not prove is doubtful, and has alternatives.
"""
