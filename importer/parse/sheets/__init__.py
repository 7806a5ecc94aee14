"""Writes one sheet of a workbook as lines of text, which the reader of delimited text reads.

package → elements → strings, values → xlsx, ods → rows; `convert` puts them together. Everything is a stream: what a
workbook claims about its size is not believed, and no part of it is in memory as a whole.
"""
