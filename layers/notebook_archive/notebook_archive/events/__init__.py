"""Build events (`details`) and send them to the event bus (`bus`)."""

from notebook_archive.events.bus import EventBus
from notebook_archive.events.details import (
    DetailType,
    describe_bulk_restore,
    describe_requests,
    describe_restore,
    describe_restore_test,
    describe_run,
    describe_stored,
    describe_verification,
)

__all__ = [
    "DetailType",
    "EventBus",
    "describe_bulk_restore",
    "describe_requests",
    "describe_restore",
    "describe_restore_test",
    "describe_run",
    "describe_stored",
    "describe_verification",
]
