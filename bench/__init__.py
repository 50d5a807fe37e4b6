"""The benchmark: what the archive costs in time, memory and calls, against the naive way to do the same.

`python -m bench` measures everything in one run, prints a table and writes `.local/bench.json`. Every measured
thing has a process of its own on one core; the servers, all on this machine and behind TLS, share another.
"""
