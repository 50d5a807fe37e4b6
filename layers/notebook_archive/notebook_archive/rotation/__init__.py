"""Rotate the tokens that are stored in secrets."""

from notebook_archive.rotation.rotate_token import RotationContext, StepResult, rotate_token

__all__ = ["RotationContext", "StepResult", "rotate_token"]
