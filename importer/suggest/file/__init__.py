"""Guesses how a file is written, and reads its first records.

guess_file   calls one of: delimited (dialect, table, header), spreadsheet (workbook), structured (JSON, Parquet)
encoding     the encoding of a text
sample       reads the sample: the first megabyte, and stretches from the middle and the end
"""
