"""Executors: who runs the workers. Each is a callable `(run) -> None` that returns when no chunk is left or the run
was asked to stop, and that calls `run.tick()` all the while. `IMPORTER["EXECUTORS"]` names them."""
