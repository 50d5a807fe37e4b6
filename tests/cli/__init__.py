"""Test the operator's command."""
