"""Make the messages that docs/notifications.md shows. `python -m tests.notifications.examples` writes them there."""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import timedelta

from moto import mock_aws

from notebook_archive.backup.records import Problem
from notebook_archive.notifications import ALARMS
from tests.docs.documents import ROOT
from tests.notifications.operators import Message, Operators, alarm_event, execution_event, night
from tests.notifications.reports import (
    item_id,
    make_finding,
    make_restore_report,
    make_run_report,
    make_test_results,
    make_verification_report,
    name_notebook,
    tell_restore,
    tell_restore_test,
    tell_run,
    tell_verification,
    unprotected,
)
from tests.strict_s3 import StrictS3, make_bucket, make_ledger_bucket
from tests.template.rendered import template

TOKEN_REJECTED: Problem = {
    "reason": "TokenRejected",
    "message": "The credential in secret 'notebook-archive/admin' was refused. ArcGIS returned error code 498: Invalid "
    "token.",
    "remedy": "Check that the account can sign in. Then store its credential again in the secret that the message "
    "names.",
}
CREDENTIAL_BROKEN: Problem = {
    "reason": "credential-broken",
    "message": "The credential in secret 'notebook-archive/owners/ana' did not work. Because of that, 2 notebooks of "
    "ana failed.",
    "remedy": "Renew the credential. If Secrets Manager rotates the token, look in the log of rotate_token for the "
    "reason.",
    "secret": "notebook-archive/owners/ana",
}
NOT_A_NOTEBOOK = {
    "reason": "not-a-notebook",
    "message": "The body of the current content is not one complete notebook: it has no cells.",
    "remedy": "Open the notebook or snapshot in ArcGIS. If ArcGIS can open it, start again. Otherwise, delete the "
    "snapshot in ArcGIS, or choose another version.",
}


def _fail_with_token(number: int) -> dict[str, str]:
    return name_notebook(number) | {
        "reason": "token-rejected",
        "message": "The credential in secret 'notebook-archive/owners/ana' was refused.",
        "remedy": TOKEN_REJECTED["remedy"],
        "secret": "notebook-archive/owners/ana",
    }


def make_failed_run(operators: Operators) -> None:
    for day in (21, 22):
        report = make_run_report(f"2026-11-{day}/nightly", night(day), "failed", error=TOKEN_REJECTED)
        tell_run(operators, report, night(day))


def make_partial_run(operators: Operators) -> None:
    failed = [_fail_with_token(1), _fail_with_token(2), name_notebook(3, "bo") | NOT_A_NOTEBOOK]
    report = make_run_report("2026-11-22/nightly", night(22), "partial", failed, notices=[CREDENTIAL_BROKEN])
    tell_run(operators, report, night(22))


def make_unprotected(operators: Operators) -> None:
    report = make_run_report("2026-11-22/nightly", night(22), not_protected=[unprotected(3)])
    tell_run(operators, report, night(22))


def make_findings(operators: Operators) -> None:
    findings = [make_finding(1, "2026-11-22T08:03:00Z"), make_finding(4, "2026-11-20T08:03:00Z", "open", "missing")]
    report = make_verification_report("2026-11-22/verify", night(22, 8), findings)
    tell_verification(operators, report, night(22, 8))


def make_no_run(operators: Operators) -> None:
    tell_run(operators, make_run_report("2026-11-21/nightly", night(21)), night(21))
    operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 6)))


def make_recovery(operators: Operators) -> None:
    make_no_run(operators)
    operators.mail.read()
    operators.tell(alarm_event("NoSuccessfulRunAlarm", night(22, 10), "OK"))


def make_timeout(operators: Operators) -> None:
    started = night(15, 2, 0)
    operators.tell(execution_event("run", "nightly", started, "TIMED_OUT", lasted=timedelta(days=7)))


def make_failed_request(operators: Operators) -> None:
    operators.tell(alarm_event("BackupFailedAlarm", night(22, 10)))


def make_late_request(operators: Operators) -> None:
    operators.tell(alarm_event("BackupLateAlarm", night(22, 10)))


def make_partial_restore(operators: Operators) -> None:
    problem: Problem = {
        "reason": "owner-missing",
        "message": "The portal has no member 'dora'.",
        "remedy": "Add the member to the portal, or name another owner in the request's field owner.",
    }
    report = make_restore_report(
        "2026-11-22/back-1",
        night(22, 14),
        [
            {
                "itemId": item_id(3),
                "title": "Restricted survey",
                "archivedOwner": "dora",
                "owner": "dora",
                "state": "failed",
                "problem": problem,
            }
        ],
    )
    tell_restore(operators, report, night(22, 14))


def make_failed_test(operators: Operators) -> None:
    problem: Problem = {
        "reason": "restored-differently",
        "message": "The new item does not have the archived cells.",
        "remedy": "Compare the new item with the archived version. Undo the restore if the item is not wanted.",
    }
    tell_restore_test(operators, make_test_results("2026-11-22/test", night(22, 12), [problem]), night(22, 12))


def make_digest(operators: Operators) -> None:
    make_partial_run(operators)
    make_findings(operators)
    tell_restore_test(operators, make_test_results("2026-11-22/test", night(22, 12)), night(22, 12))
    operators.tell(alarm_event("BackupFailedAlarm", night(22, 10)))
    operators.mail.read()
    operators.chat.read()
    operators.tell({"digest": (night(23, 6, 0)).isoformat()})


_PAGE = ROOT / "docs/notifications.md"
_BEGIN = "<!-- generated by python -m tests.notifications.examples: change the code, not this part -->"
_END = "<!-- end of the generated part -->"
_COVERAGES = {
    "run": "the run",
    "unprotected": "the run, or an earlier one with the same notebooks",
    "verification": "the verification",
    "restore": "the restore",
    "restore-test": "the restore test",
}
# By the heading of each example.
EXAMPLES: Mapping[str, Callable[[Operators], None]] = {
    "A failed run": make_failed_run,
    "A partial run": make_partial_run,
    "A notebook that is not protected": make_unprotected,
    "A finding": make_findings,
    "No complete run": make_no_run,
    "The end of an alarm": make_recovery,
    "A run that timed out": make_timeout,
    "A failed request": make_failed_request,
    "A bulk restore": make_partial_restore,
    "A restore test": make_failed_test,
    "The digest": make_digest,
}


@functools.cache
def make_example(name: str) -> tuple[Message, Message]:
    """Return the last message of an example: as an e-mail, and in the chat."""
    with mock_aws():
        make_bucket()
        make_ledger_bucket()
        operators = Operators(StrictS3())
        EXAMPLES[name](operators)
        return operators.mail.read()[-1], operators.chat.read()[-1]


def write_page(text: str) -> str:
    """Return docs/notifications.md with its generated parts: the table of alarms, the examples, and the digest."""
    *others, digest = EXAMPLES
    parts = [_write_table(), "\n".join(map(_write_example, others)), _write_example(digest, "")]
    pieces = re.split(f"(?<={re.escape(_BEGIN)})\n.*?(?={re.escape(_END)})", text, flags=re.DOTALL)
    assert len(pieces) == len(parts) + 1
    return pieces[0] + "".join(f"\n\n{part}\n{piece}" for part, piece in zip(parts, pieces[1:], strict=True))


def _write_table() -> str:
    rows = ["| alarm | subject | kind | folded into a message about |", "|---|---|---|---|"]
    made = template()["Resources"]
    for alarm, words in ((name, words) for name, words in ALARMS.items() if name in made):
        folded = ", ".join(f"`{each}`" if each in ALARMS else _COVERAGES[each] for each in words.folded_into)
        rows.append(f"| `{alarm}` | {words.failure} | {words.kind} | {folded or 'none'} |")
    return "\n".join(rows) + "\n"


def _write_example(name: str, level: str = "###") -> str:
    mail, _ = make_example(name)
    heading = f"{level} {name}\n\n" if level else ""
    return f"{heading}```text\nSubject: {mail.subject}\n\n{mail.text}```\n"


if __name__ == "__main__":
    _PAGE.write_text(write_page(_PAGE.read_text()))
