"""Tells operators in words what failed.

Trigger: the queue of changed alarms and ended executions (each message is an event of EventBridge), a rule with an event
about a report of this stack, or the schedule of the digest with `{"digest": "2026-11-22T06:00:00Z"}`.
Returns: the messages that SQS must deliver again.
"""
