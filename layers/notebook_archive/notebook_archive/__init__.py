"""Notebook Archive: a complete, verifiable history of ArcGIS notebooks in Amazon S3.

A module may import modules that are further to the right. `.importlinter` contains the exact rules, and `make check`
tests them::

    functions/*/app.py ─► http, aws ─► pages ─► runs, backup_requests, reading, rotation ─► backup
        ─► archive, arcgis, notebook, secret_store, events ─► models, settings, clock ─► errors
"""
