"""Reading the archive: usual ones are read, and every known attack is refused with its reason."""

import io
import stat
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevdesk_client.wire import MAX_ARCHIVE_BYTES
from tests.unit.extf_writer import archive
from worker.datev.archive import LIMITS, Archive, ArchiveRefused, Limits, Member, MemberKind


def opened(content: bytes, **limits: int) -> Archive:
    """The archive, under smaller limits if given."""
    return Archive(io.BytesIO(content), Limits(**limits)) if limits else Archive(io.BytesIO(content))


def read_all(content: bytes, **limits: int) -> dict[str, bytes]:
    """Every member's bytes."""
    made = opened(content, **limits)
    return {member.name: made.open(member).read() for member in made.members}


def with_entry(info: zipfile.ZipInfo, content: bytes = b"x") -> bytes:
    """A ZIP of one entry that is described freely."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(info, content)
    return out.getvalue()


def test_usual_members_are_read() -> None:
    """Tables, images, their index and folders, each by its kind."""
    members = {
        "EXTF_Buchungsstapel_Oktober.csv": b"EXTF",
        "Belege/RE-1000.pdf": b"%PDF-1.7",
        "Belege/RE-1001.PNG": b"\x89PNG",
        "document.xml": b"<archive/>",
        "Liesmich.docx": b"x",
        "leer/": b"",
    }
    made = opened(archive(members))
    assert [member.kind for member in made.members] == [
        MemberKind.TABLE, MemberKind.IMAGE, MemberKind.IMAGE, MemberKind.INDEX, MemberKind.UNKNOWN
    ]  # fmt: skip
    assert read_all(archive(members)) == {name: content for name, content in members.items() if name != "leer/"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../EXTF_a.csv", "hinaus"),
        ("a/../../EXTF_a.csv", "hinaus"),
        ("/etc/EXTF_a.csv", "absoluten Pfad"),
        ("C:/EXTF_a.csv", "absoluten Pfad"),
        ("a\\..\\EXTF_a.csv", "Rückwärtsschrägstrich"),
        ("EXTF_a\x01.csv", "ungültigen Namen"),
        ("inner.zip", "selbst ein Archiv"),
        ("inner.TAR.GZ", "selbst ein Archiv"),
    ],
)
def test_unsafe_paths_are_refused(name: str, reason: str) -> None:
    """A name that would leave the folder or hides something refuses the whole archive."""
    with pytest.raises(ArchiveRefused, match=reason):
        opened(with_entry(zipfile.ZipInfo(name)))


def test_names_cut_at_nul_are_refused() -> None:
    """A name with a NUL byte, which other programs read to its end."""
    content = archive({"EXTF_a_csv": b"x"}).replace(b"EXTF_a_csv", b"EXTF_a\0csv")
    with pytest.raises(ArchiveRefused):
        opened(content)


def test_symlinks_are_refused() -> None:
    """A symbolic link refuses the archive, wherever it points."""
    info = zipfile.ZipInfo("EXTF_a.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ArchiveRefused, match="Symlink"):
        opened(with_entry(info, b"/etc/passwd"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["EXTF_a.csv", "extf_A.CSV"])
def test_duplicate_names_are_refused(second: str) -> None:
    """Two members of one name, also where only a Windows machine sees that they are one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("EXTF_a.csv", b"one")
        made.writestr(second, b"two")
    with pytest.raises(ArchiveRefused, match="doppelt"):
        opened(out.getvalue())


def test_encrypted_members_are_refused() -> None:
    """A member whose flag says that it is encrypted refuses the archive."""
    content = bytearray(archive({"EXTF_a.csv": b"x"}))
    directory = content.index(b"PK\x01\x02")
    content[directory + 8] |= 1
    with pytest.raises(ArchiveRefused, match="verschlüsselt"):
        opened(bytes(content))


def test_unusual_packing_is_refused() -> None:
    """Only stored and deflated members are read; others have no bounded reader."""
    with pytest.raises(ArchiveRefused, match="unüblichen Verfahren"):
        opened(archive({"EXTF_a.csv": b"x"}, zipfile.ZIP_LZMA))


def test_nested_archives_are_refused_by_content() -> None:
    """An archive that calls itself a PDF is found when it is read."""
    inner = archive({"a.csv": b"x"})
    made = opened(archive({"beleg.pdf": inner}))
    with pytest.raises(ArchiveRefused, match="selbst ein Archiv"):
        made.verify(made.members[0])


def test_belegtransfer_package_stays_packed() -> None:
    """The one archive that sevDesk may put in is read through and not opened; its name elsewhere is no excuse."""
    name, inner = "DATEV_Rechnungsausgang_20261001_bis_20261031.zip", archive({"a.pdf": b"%PDF"})
    made = opened(archive({name: inner}))
    assert made.members[0].kind is MemberKind.PACKAGE
    assert made.verify(made.members[0]) is None
    for other in (f"Belege/{name}", f"{name}.zip", "DATEV.zip"):
        with pytest.raises(ArchiveRefused, match="selbst ein Archiv"):
            opened(archive({other: inner}))


def test_sizes_are_limited() -> None:
    """The archive's bytes, the number of its members, and all that comes out of it."""
    content = archive({f"{n}.pdf": b"%PDF" + bytes(100) for n in range(5)})
    with pytest.raises(ArchiveRefused, match="größer als erlaubt"):
        opened(content, archive=len(content) - 1)
    with pytest.raises(ArchiveRefused, match="5 Einträge"):
        opened(content, members=4)
    with pytest.raises(ArchiveRefused, match="entpackt sich"):
        read_all(content, unpacked=500)
    assert len(read_all(content, unpacked=520, members=5)) == 5


def test_bombs_are_stopped_early() -> None:
    """A member that unpacks 1000 : 1 is stopped when it passes the limit, not at its end."""
    content = archive({"EXTF_a.csv": bytes(64 << 20)})
    made = opened(content)
    stream, taken = made.open(made.members[0]), 0
    with pytest.raises(ArchiveRefused, match="ZIP-Bombe"):
        while chunk := stream.read(1 << 16):
            taken += len(chunk)
    assert taken <= 17 << 20


def test_false_sizes_are_refused() -> None:
    """A directory that claims less than comes out: the member is broken, and no more than claimed comes out."""
    content = bytearray(archive({"EXTF_a.csv": bytes(32 << 20)}))
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<L", content, directory + 24, 100)  # uncompressed size
    struct.pack_into("<L", content, 22, 100)
    with pytest.raises(ArchiveRefused, match="beschädigt"):
        read_all(bytes(content))


def test_overlapping_members_are_refused() -> None:
    """Many entries that share their packed bytes claim more bytes than the archive has."""
    packed = archive({"EXTF_a.csv": zlib.compress(bytes(1000)) * 40})
    directory, end = packed.index(b"PK\x01\x02"), packed.rindex(b"PK\x05\x06")
    entry = packed[directory:end]
    entries = b"".join(entry.replace(b"EXTF_a.csv", f"EXTF_{n}.csv".encode()) for n in range(10))
    tail = bytearray(packed[end:])
    struct.pack_into("<HHL", tail, 8, 10, 10, len(entries))
    with pytest.raises(ArchiveRefused, match="überlappen"):
        opened(packed[:directory] + entries + bytes(tail))


def test_truncated_archives_are_refused() -> None:
    """Cut anywhere, or one bit turned in the packed bytes, the archive is refused."""
    content = archive({"EXTF_a.csv": bytes(range(256)) * 40})
    for cut in range(0, len(content), 97):
        with pytest.raises(ArchiveRefused):
            read_all(content[:cut])
    turned = bytearray(content)
    turned[60] ^= 1
    with pytest.raises(ArchiveRefused, match="beschädigt"):
        read_all(bytes(turned))


def test_contents_must_fit_their_ending() -> None:
    """A program that calls itself a PDF or an image is named; true ones are not."""
    members = {
        "a.pdf": b"MZ\x90", "b.jpg": b"GIF89a", "c.pdf": b"\r\n%PDF-1.4", "d.jpeg": b"\xff\xd8\xff\xe0",
        "e.tif": b"MM\x00*", "f.xml": b"\xef\xbb\xbf<?xml?>", "g.xml": b"{}",
    }  # fmt: skip
    made = opened(archive(members))
    assert [bool(made.verify(member)) for member in made.members] == [True, True, False, False, False, False, True]


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 30))
def test_no_bytes_raise_anything_else(junk: bytes, at: int, gone: int) -> None:
    """Junk in the middle of an archive is read or refused, and nothing else happens."""
    good = archive({"EXTF_a.csv": b"EXTF;700" * 20, "b.pdf": b"%PDF"})
    for content in (junk, good[:at] + junk + good[at + gone :]):
        try:
            read_all(content)
        except ArchiveRefused as refusal:
            assert str(refusal).endswith(".")


def test_member_names_stay_short_in_reasons() -> None:
    """A refusal shows the last part of a name, bounded and printable."""
    with pytest.raises(ArchiveRefused) as refused:
        opened(with_entry(zipfile.ZipInfo("../" + "x" * 5000 + "\x1b[31m")))
    assert len(str(refused.value)) < 200
    assert "\x1b" not in str(refused.value)


def test_members_carry_claimed_sizes() -> None:
    """A member shows the sizes that the ZIP directory claims."""
    (member,) = opened(archive({"a.pdf": b"%PDF"}, zipfile.ZIP_STORED)).members
    assert member == Member("a.pdf", MemberKind.IMAGE, 4, 4)


def test_whatever_can_be_downloaded_is_read() -> None:
    """And nothing larger, for both have the same limit."""
    assert LIMITS.archive == MAX_ARCHIVE_BYTES
