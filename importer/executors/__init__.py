"""Runs a job's workers: in this process (`inline`), in processes (`process`), or on other machines (`workers`).

An executor is a callable `(watch) -> None` that `IMPORTER["EXECUTORS"]` names. It returns when no chunk is left or the
run was asked to stop, and calls `watch.tick()` all the while.
"""
