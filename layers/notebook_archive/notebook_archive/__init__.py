"""Notebook Archive: a complete, verifiable history of ArcGIS notebooks in Amazon S3.

Who may import whom, outermost first (`.importlinter` and `tests/architecture` check it):

    functions/*/app.py ─► http, aws ─► pages ─► runs, backup_requests, reading, rotation ─► backup
        ─► archive, arcgis, notebook, secret_store, events ─► models, settings, clock ─► errors
"""
