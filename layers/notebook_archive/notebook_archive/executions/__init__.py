"""What every state machine of a Distributed Map needs: a claim, a plan in batches, and the error that ended it.

- `claim` records which execution an id belongs to.
- `batches` cuts work into batches, works on a batch as far as the time allows, and writes what belongs to it.
- `caught_error` describes an error that Step Functions caught.
- `execution_input` reads which items an execution is for.
"""
