"""What each document says, as frozen data. No layout here, and no rule: callers decide, documents print.

Text is printed as it stands. Control characters and marks that turn the reading direction are refused; characters
that no font has are printed as 〓 (ask ``missing_glyphs`` first). Images are PNG or JPEG bytes. A date that is
``None`` and a number that is ``None`` leave the blank of the printed form; a form without rows is the empty form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One row of annex 2 (R172–R175): ``period`` is the printed time text, ``fee`` yuan for one person."""

    post: str
    expected: int | None = None
    period: str = ""
    fee: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanForm:
    """附件2 培训计划表 (R164–R181). ``seal`` and ``signature`` are laid over their fields on every sheet.

    ``basis`` (R002, the legal basis) and ``reference`` (template and version of the filing, R181) go below the
    sheet in small type, outside the words of the annex; leave them empty for the annex and nothing else.
    """

    year: int | None = None
    term: int | None = None
    filled_on: date | None = None
    institution: str = ""
    address: str = ""
    teaching_head: str = ""
    teaching_head_phone: str = ""
    contact: str = ""
    contact_phone: str = ""
    rows: tuple[PlanRow, ...] = ()
    opinion: str = ""
    signature: bytes | None = None
    seal: bytes | None = None
    basis: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankRow:
    """One post of annex 4 (R188, R189)."""

    post: str
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankForm:
    """附件4 题库使用申请表 (R182–R197). ``test_time`` is the printed text; several sessions stand on several lines.

    The total (R187) is the sum of the rows. ``batch`` may come with any dash; it is printed with — (R186).
    """

    institution: str = ""
    address: str = ""
    test_time: str = ""
    computers: int | None = None
    batch: str = ""
    rows: tuple[BankRow, ...] = ()
    lead: str = ""
    lead_mobile: str = ""
    contact: str = ""
    contact_mobile: str = ""
    signed_on: date | None = None
    signature: bytes | None = None
    seal: bytes | None = None
    basis: str = ""
    reference: str = ""

    @property
    def total(self) -> int | None:
        """测试总人数 (R187): ``None`` while no row has a count."""
        counts = [row.count for row in self.rows if row.count is not None]
        return sum(counts) if counts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSlip:
    """准考证 of one candidate, one page. ``id_number`` is printed as given: the caller masks it or not.

    ``starts_at`` and ``ends_at`` are aware; they are printed on the clock of Shanghai. ``rules`` are the
    candidate's rules in order, see ``slip.candidate_rules``; empty means its defaults.
    """

    name: str
    id_number: str
    slip_number: str
    post: str
    hall: str
    hall_address: str
    room: str
    seat: str
    starts_at: datetime
    ends_at: datetime
    organiser: str = ""
    batch: str = ""
    photo: bytes | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSlips:
    """Several slips in one file, a page each."""

    slips: tuple[AdmissionSlip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """培训合格证 (I01, J22: the institution issues it; J26: it must not pass for a safety certificate).

    ``id_last4``: the last four characters of the identity number, nothing more is printed.
    ``status`` as of ``status_on``, such as 有效; any other status also goes across the page as a watermark.
    ``check_url`` is printed and stands in the QR code. ``notes`` are further lines (continuing education).
    """

    name: str
    id_last4: str
    post: str
    number: str
    institution: str
    issued_on: date
    hours: Decimal | int
    check_url: str
    trained_from: date | None = None
    trained_to: date | None = None
    status: str = "有效"
    status_on: date | None = None
    photo: bytes | None = None
    seal: bytes | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: its width as a share of the line and where its cells stand."""

    title: str
    width: float = 1.0
    align: str = "center"  # left, center, right


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDocument:
    """A list on paper: title, meta lines, one table whose head repeats, page numbers.

    ``meta``: label and value pairs, two pairs a line. ``closing``: lines below the table (signatures).
    ``dated``: the date of the document, kept in the PDF's metadata.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    subtitle: str = ""
    meta: tuple[tuple[str, str], ...] = ()
    closing: tuple[str, ...] = ()
    landscape: bool = False
    row_height_mm: float = 8.0
    dated: date | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One candidate on the board; a mark is ``None`` where there is none. ``outcome``: 合格, 不合格, 缺考 …"""

    seat: str
    slip_number: str
    name: str
    post: str
    general: Decimal | None
    professional: Decimal | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreList:
    """成绩公布表 of one room (R036: results on the spot). Names and numbers are printed as given."""

    batch: str
    hall: str
    room: str
    starts_at: datetime
    ends_at: datetime
    rows: tuple[ScoreRow, ...]
    organiser: str = ""
    note: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRow:
    """One candidate of the sign-in list; the signature stays blank."""

    seat: str
    slip_number: str
    name: str
    id_number: str
    post: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatList:
    """考场签到表 of one room."""

    batch: str
    hall: str
    room: str
    starts_at: datetime
    ends_at: datetime
    rows: tuple[SeatRow, ...]
    organiser: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollRow:
    """One trainee of a class session; punches as printed text, empty for a sheet to be signed by hand."""

    name: str
    id_number: str
    post: str
    arrived: str = ""
    left: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """考勤表 of one class session."""

    institution: str
    class_name: str
    course: str
    teacher: str
    place: str
    starts_at: datetime
    ends_at: datetime
    rows: tuple[RollRow, ...]
    reference: str = ""


Document = (
    PlanForm
    | BankForm
    | AdmissionSlip
    | AdmissionSlips
    | Certificate
    | TableDocument
    | ScoreList
    | SeatList
    | Roll
)
