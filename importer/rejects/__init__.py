"""Reports rejected records, exports them as CSV, takes fixed ones back and replays them."""
