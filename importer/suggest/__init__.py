"""Guesses, from a bounded sample, how a file is written and which field of a model each column fills.

    suggestion   puts all together, and gives the options of a mapping
    python       writes a suggestion as a spec in Python (literals: its values and comments);
                 stored_python: a stored mapping
    mapping      keeps the options of a mapping in the database
    key          the fields by which a row is recognised
    fields       which column fills which field (pairs: how well each two fit)
    references   which field of another model a column names; choices: which choice a word means
    options      how a field reads a column
    columns      what the values of a column are (dates, numbers, words, kinds)
    names        how alike the names of a column and a field are (meanings: what words mean)
    file         how the file is written, and its first records:
                 delimited (dialect, table, header), spreadsheet (workbook), structured (JSON and Parquet)
    encoding     the encoding of a text
    sample       reads the sample: the first megabyte, and stretches from the middle and the end

Every guess carries its reason. What the sample does not prove is doubtful, and has alternatives.
"""
