"""The benchmark: what the archive costs in time, memory and calls, compared with a naive way to do the same.

`python -m bench` measures everything in one run, prints a table and writes `.local/bench.json`. Each measurement runs
in its own process on one core. The servers run on this machine, behind TLS, and share another core.
"""
