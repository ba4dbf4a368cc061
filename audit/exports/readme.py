"""README.txt of an export: what it is, what it proves and how to check it, for an outsider."""

from audit.models import ExportRequest

WHOLE = "complete from the first entry that the log still has"
KINDS = {
    "actor": f"Everything that {{subject}} did in this log, {WHOLE}.",
    "object": f"Everything that was done to {{subject}} in this log, {WHOLE}.",
    "range": "Every entry from number {first} to number {last}, complete.",
    "question": "Entries that answer a question. Each is proven; that no other answers it is NOT proven.",
}
TEXT = """\
EXPORT {name} OF AN AUDIT LOG

From the log     {origin}
Asked by         {requester}
Approved by      {approver}
For              {recipient}
Reference        {reference}
Reason           {reason}

What is in it
  {what}
  {question}Entries: {entries}. Details (free text, old and new values): {details}.
  lines.jsonl      the entries, one a line, exactly as they were sealed
  support.jsonl    further entries that the proof needs
  {more}keys.txt         public keys of the log and of its witnesses
  seal.jsonl       the entry by which this export itself stands in the log
  checkpoint.txt   what the log and its witnesses signed
  tile/            hashes that tie each entry to the checkpoint
  manifest.json    what was asked for, and the SHA-256 of each file
  verify_audit.py  a program that checks all of it (Python 3.9 or newer, nothing else)

How to check it
  You need two public keys that did NOT come to you with this file: the log's and a witness's. Ask
  the agency for the log's key, and the witness, who is not the agency, for theirs. Then, without
  any network:

    {command}

  If some program unpacked this file and packed it again, the zip itself is refused (20): unpack it
  and give the folder instead. The program then also names what is missing.

  The program ends with 0 when everything holds. Any other number has a sentence beside it that names
  the entry, file or key at fault. Best use a copy of verify_audit.py that you got elsewhere: one
  that came with the file could lie for it.

  The keys that this export was made with, to compare with yours (not to trust by themselves):
{keys}

What this proves, and what it does not
  It proves that these entries stood in the log when the witness signed it, that none was changed
  since, and, except for a question, that none is left out. It does not prove that what people wrote as
  their reason is true.{missing}
  What is in this file is yours to protect. The agency deletes its own copy after seven days, or earlier
  when a detail in it is due for deletion.
"""
COMMAND = "python3 verify_audit.py {file} --log-key LOG_KEY --witness-key WITNESS_KEY"
MISSING = (
    "\n  NOTE: {n} detail(s) could not be given, and no entry says that they were erased. The program\n"
    "  will name them."
)


def text(request: ExportRequest, *, origin: str, entries: int, keys: list[str], missing: int = 0) -> str:
    """Return the README, in plain ASCII-safe English with LF line ends."""
    what = KINDS[request.kind].format(subject=request.subject, first=request.first, last=request.last)
    more = "details.jsonl    the details, each with the salt that ties it to its entry\n  " * request.details
    if request.kind in ("actor", "object"):
        more += "census.json      how many entries the log's census says there are\n  "
    return TEXT.format(
        name=request.name,
        origin=origin,
        requester=f"{request.requester_name} ({request.requester})",
        approver=f"{request.approver_name} ({request.approver})",
        recipient=request.recipient,
        reference=request.reference,
        reason=request.reason.replace("-", " "),
        what=what,
        question=f"Question: {request.question}\n  " if request.question else "",
        entries=entries,
        details="included" if request.details else "left out",
        more=more,
        command=COMMAND.format(file=f"{request.name}.zip"),
        keys="\n".join(f"    {key}" for key in keys),
        missing=MISSING.format(n=missing) if missing else "",
    )
