"""The benchmark: measure the archive's time, memory and calls, and compare them with other programs.

`python -m bench` measures everything in one run, prints tables and writes them into `docs/performance.md`. Each
measurement runs in its own process on one core. The servers run on this machine and use TLS. They share one core, which
the measured process does not use.
"""
