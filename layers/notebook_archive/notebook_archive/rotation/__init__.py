"""Rotate the tokens that secrets hold."""

from notebook_archive.rotation.rotate_token import RotationContext, StepResult, rotate_token

__all__ = ["RotationContext", "StepResult", "rotate_token"]
