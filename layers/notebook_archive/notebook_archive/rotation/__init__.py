"""Rotation of the tokens that secrets hold."""

from notebook_archive.rotation.rotate_token import RotationContext, rotate_token

__all__ = ["RotationContext", "rotate_token"]
