"""Verify the archive: read every version again within a period, and find what is missing, damaged or replaced.

The modules, in the order of a verification:

- `verification_input` reads what a verification is for.
- `plan` writes the plan. `shard_plan` decides about each key, `period` when an object is due, and `due_reads` which
  versions are read now. `replicas` compares the archive with the second place. `earlier_reports` finds what earlier
  verifications reported.
- `checks` defines the lines of the plan. `verify_batch` works on a batch of them, as far as the time allows.
  `check_object` checks one object, `examination` reads it, and `findings` describes what is wrong. `results` makes the
  document with the results.
- `report` writes the report. `outcome` adds up the results, `open_findings` combines the findings with earlier ones,
  and `report_message` and `verification_metrics` make parts of it.

The keys are in `archive/keys.py`, and the ledger is in `archive/ledger.py`.
"""

from notebook_archive.verification.plan import plan_verification
from notebook_archive.verification.report import report_verification
from notebook_archive.verification.verification_input import Wanted, guess_wanted, read_wanted
from notebook_archive.verification.verification_metrics import count_metrics
from notebook_archive.verification.verify_batch import BatchVerifier

__all__ = [
    "BatchVerifier",
    "Wanted",
    "count_metrics",
    "guess_wanted",
    "plan_verification",
    "read_wanted",
    "report_verification",
]
