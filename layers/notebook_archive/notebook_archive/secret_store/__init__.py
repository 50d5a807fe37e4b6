"""Secrets Manager: the texts of secrets, and the versions that a rotation makes of them."""

from notebook_archive.secret_store.cached_secret import CachedSecret
from notebook_archive.secret_store.rotation_schedule import longest_wait, shortest_wait
from notebook_archive.secret_store.versions import Rotation, SecretStore

__all__ = ["CachedSecret", "Rotation", "SecretStore", "longest_wait", "shortest_wait"]
