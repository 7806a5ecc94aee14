"""Rejected records: reports them, exports them as CSV, takes fixed ones back and replays them."""
