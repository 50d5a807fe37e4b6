"""Check a deployed archive: AWS, the portal, the secrets, the bucket, the functions, the schedules and the network.

`checks` defines what a check returns. `examination` runs the checks in order. Each other module has the checks of one
subject, as plain functions.
"""
