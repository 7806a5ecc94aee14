"""Lets workers share a job in which the order of the source decides, and gives the table that one worker makes.

Workers gather the records in a table of their own, in any order (`gather`). Which of them meet is decided there by sets
(`meetings`); of those only the first stays, and the others are settled last. What stays is poured into the target by
all workers (`importer.work.pour`). `fitness` says where that is not possible.
"""
