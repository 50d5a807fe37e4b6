"""Secrets Manager: the texts of secrets, and the versions that a rotation makes of them."""

from notebook_archive.vault.kept import KeptSecret
from notebook_archive.vault.schedule import longest_wait, shortest_wait
from notebook_archive.vault.versions import Rotation, Vault

__all__ = ["KeptSecret", "Rotation", "Vault", "longest_wait", "shortest_wait"]
