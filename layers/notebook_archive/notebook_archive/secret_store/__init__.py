"""Read and write secrets in Secrets Manager, and the versions that a rotation adds."""

from notebook_archive.secret_store.cached_secret import CachedSecret
from notebook_archive.secret_store.rotation_schedule import calculate_max_wait, calculate_min_wait
from notebook_archive.secret_store.store import RotationState, SecretStore

__all__ = ["CachedSecret", "RotationState", "SecretStore", "calculate_max_wait", "calculate_min_wait"]
