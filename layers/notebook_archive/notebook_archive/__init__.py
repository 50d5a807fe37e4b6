"""Notebook Archive: a complete, verifiable history of ArcGIS notebooks in Amazon S3.

`.importlinter` lists the layers of the package, and `make check` tests that imports follow them.
"""
