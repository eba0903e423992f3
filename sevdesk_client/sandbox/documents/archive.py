"""The ZIP archive of a DATEV export, correct or spoilt as switch datev_faults says."""

import io
import re
import zipfile
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from sevdesk_client.sandbox.account.export_records import ExportJob, Posting
from sevdesk_client.sandbox.account.formats import Object, berlin_day
from sevdesk_client.sandbox.documents.extf import batch_file, batches, debtor_file, document_list
from sevdesk_client.sandbox.documents.pdf import invoice_pdf

BOMB_BYTES = 256 * 2**20  # unpacked; about a thousandth of it packed
_ZEROS = bytes(2**20)


def build(job: ExportJob, *, layout: str = "official", faults: Collection[str] = ()) -> bytes:
    """The archive's bytes. Reads nothing but the job, so it can run in a thread."""
    files = _files(job, layout, faults)
    if "extra_file" in faults:
        files["liesmich.txt"] = b"Bitte beachten Sie unsere neuen Preise.\r\n"
    if "evil_name" in faults:
        files["../../evil.csv"] = b"outside\r\n"
    content = _zip(files, bomb="bomb" in faults)
    if "not_a_zip" in faults:
        return b"<html><title>Wartungsarbeiten</title></html>"
    return content[: len(content) * 2 // 3] if "truncated" in faults else content


def _files(job: ExportJob, layout: str, faults: Collection[str]) -> dict[str, bytes]:
    parts = batches(job, with_faults(job, faults))
    files = {}
    for start, end, postings in parts:
        text = batch_file(job, start, end, postings, layout=layout, faults=faults)
        period = f"_{start:%Y%m%d}_bis_{end:%Y%m%d}" if layout == "observed" or len(parts) > 1 else ""
        content = text.encode("utf-8-sig" if "wrong_encoding" in faults else "cp1252")
        cut = -len(content) // 20 - 200 if "cut_csv" in faults else None
        files[f"EXTF_Buchungsstapel{period}.csv"] = content[:cut]
    if "no_stack" in faults:
        files.clear()
    if layout != "observed":
        files["EXTF_DebKred_Stamm.csv"] = debtor_file(job).encode("cp1252", "replace")
    return files | _images(job, layout)


def _images(job: ExportJob, layout: str) -> dict[str, bytes]:
    """document.xml and one PDF per invoice; in layout "observed" in a ZIP of their own, for DATEV Belegtransfer.

    In layout "folder" they are not packed, but in a folder of that name.
    """
    if not job.images:
        return {}
    names = {}
    for guid, (each, _) in job.images.items():
        name, day = re.sub(r"[^\w.-]", "_", each.number or str(each.id), flags=re.ASCII), each.fields.invoice_date
        observed = f"{berlin_day(day)}_Einnahmebeleg_{name}_{guid[-12:]}"
        names[guid] = f"{observed if layout == 'observed' else name}.pdf"
    files = {"document.xml": document_list(names, job.create).encode()}
    files |= {names[guid]: invoice_pdf(*printed) for guid, printed in job.images.items()}
    own = f"DATEV_Rechnungsausgang_{job.start:%Y%m%d}_bis_{job.end:%Y%m%d}"
    if layout == "folder":
        return {f"{own}/{name}": content for name, content in files.items()}
    return {f"{own}.zip": _zip(files)} if layout == "observed" else files


def _zip(files: dict[str, bytes], *, bomb: bool = False) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if bomb:
            with archive.open("EXTF_Kontennachweis.csv", "w") as entry:
                for _ in range(BOMB_BYTES // len(_ZEROS)):
                    entry.write(_ZEROS)
    return stream.getvalue()


def with_faults(job: ExportJob, faults: Collection[str]) -> Iterable[Posting]:
    """The postings with the faults that concern them applied to the first; unchanged if there are none."""
    if not job.postings:
        return job.postings
    first, *rest = job.postings
    wrong: dict[str, Object] = {
        "wrong_amount": {"amount": first.amount + Decimal("0.01")},
        "wrong_account": {"contra_account": first.contra_account + 1},
        "wrong_side": {"side": "H" if first.side == "S" else "S"},
        "wrong_date": {"day": first.day + timedelta(days=1 if first.day < job.end else -1)},
        "wrong_number": {"number": f"{first.number}9"},
    }
    for name in wrong.keys() & set(faults):
        first = replace(first, **wrong[name])
    times = 0 if "posting_missing" in faults else 2 if "posting_doubled" in faults else 1
    unknown = [replace(first, number="FREMD-1", text="Unbekannt")] if "posting_unknown" in faults else []
    return [*[first] * times, *rest, *unknown]
