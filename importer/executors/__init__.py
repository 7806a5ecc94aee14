"""Runs a job's workers: in this process (`inline`), in several (`process`) or elsewhere (`workers`).

An executor is a callable `(watch: importer.run.watch.Watch) -> None` that `IMPORTER["EXECUTORS"]` names. It calls
`watch.tick()` several times a second. It returns when `watch.open_chunks` is False or `watch.control.stopping` is True.
It raises what must end the run: what `tick()` raises, ChunkFailed, or another ImporterError.
"""
