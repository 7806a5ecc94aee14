"""Runs PostgreSQL and Valkey for development and tests, from wheels or from installed programs.

They listen on 127.0.0.1 only, require a password, keep their files in the checkout, and never run as root.

It imports nothing: the settings of every process ask `state` which services run, and most processes need no Redis.
"""
