"""Notebook Archive: a complete, verifiable history of ArcGIS notebooks in Amazon S3.

Who may import whom, outermost first; ``tests/architecture`` holds it::

    functions/*/app.py ─► aws ─► pipeline ─► archive, arcgis, notebook ─► models, settings ─► errors
"""
