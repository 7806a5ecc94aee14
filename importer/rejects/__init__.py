"""Reports, exports, fixes and replays rejected records; `ledger/staging.py` writes them."""
