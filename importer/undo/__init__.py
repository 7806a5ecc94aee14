"""Takes back what a job has written: rows that it inserted, and changes of rows that it kept as they were."""
