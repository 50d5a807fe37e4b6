"""Name the kinds of executions, for the option `--kind`."""

# The values of `StateMachine.kind`.
KINDS = ("run", "verification", "restore")
