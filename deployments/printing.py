"""A report as a PDF: tagged, with title and language, the same bytes for the same report.

The typeface (DejaVu, ``static/dist/fonts``) covers the Latin, Greek, Cyrillic and Arabic scripts. A sign that
it lacks is written as its code, ``[U+1F6A8]``, and the last page says so: nothing vanishes without notice.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from fontTools.ttLib import TTFont
from fpdf import FPDF, XPos, YPos

from deployments.selectors.reports import Chapter, Report, Table

# It names every letter that it takes along; what stands in a report belongs into no log.
logging.getLogger("fontTools").setLevel(logging.WARNING)

FONTS = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
MARGIN_MM, LABEL_MM, LINE_MM, ROW_GAP_MM = 20.0, 48.0, 5.0, 0.6
#: Latin, Greek and Cyrillic letters, one after the other: each stands for itself. Everything else (marks that
#: stack, letters that join, right to left) is shaped, which the library does anew for every sign it measures:
#: a report of ten thousand words took sixteen seconds that way.
_STRAIGHT = re.compile("[\n\u0020-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e]*")


def fonts_dir() -> Path:
    """Return where the front-end build puts the typeface."""
    return Path(settings.BASE_DIR) / "static" / "dist" / "fonts"


def pdf(report: Report) -> bytes:
    """Return the report as a PDF."""
    paper = _Paper(report)
    for chapter in report.chapters:
        paper.chapter(chapter)
    paper.notice()
    return bytes(paper.output())


@lru_cache(maxsize=1)
def _known() -> frozenset[int]:
    with (
        TTFont(fonts_dir() / FONTS[""], lazy=True) as plain,
        TTFont(fonts_dir() / FONTS["B"], lazy=True) as bold,
    ):
        return frozenset(plain.getBestCmap()) & frozenset(bold.getBestCmap())


class _Paper(FPDF):
    """One document. Text is written line by line, so that each tag lies whole on one page."""

    def __init__(self, report: Report) -> None:
        super().__init__(format="letter", unit="mm")
        self.report = report
        self.lacking = False
        for style, name in FONTS.items():
            self.add_font("report", style, fonts_dir() / name)
        self.set_title(f"{report.name}: {report.title}")
        self.set_lang(get_language() or "en")
        self.set_creator("CSOC")
        self.set_producer("fpdf2")
        self.set_creation_date(report.at)
        self.set_display_mode("default")
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(False)
        self.add_page()
        self._head()

    # -- parts -----------------------------------------------------------------------------------

    def _head(self) -> None:
        self.text_block("H1", f"{self.report.title} {self.report.name}", size=18, style="B", line=8)
        self.text_block("P", self.report.subtitle, size=11, line=6)
        self.ln(2)

    def chapter(self, chapter: Chapter) -> None:
        """Write one chapter."""
        self.ln(4)
        # A title never stands alone at the foot of a page.
        self.room(4 * LINE_MM)
        self.text_block("H2", chapter.title, size=12, style="B", line=7)
        for label, value in chapter.facts:
            self.fact(label, value)
        for words in chapter.words:
            self.text_block("P", words)
            self.ln(1)
        if chapter.table is not None:
            self.table_of(chapter.table)

    def fact(self, label: str, value: str) -> None:
        """Write a label and its value beside it."""
        self.room(LINE_MM)
        top = self.get_y()
        page = self.page
        self.text_block("Lbl", label, grey=True, width=LABEL_MM - 3)
        below = self.get_y()
        if self.page == page:
            self.set_y(top)
        self.text_block("P", value or "–", left=LABEL_MM)
        if self.page == page:
            self.set_y(max(below, self.get_y()))
        self.ln(0.6)

    def table_of(self, told: Table) -> None:
        """Write a table: the last column takes what is left; each row is one tag, heads repeat on a page."""
        widths = self._widths(told)
        self._row(told.heads, widths, style="B")
        for cells in told.rows:
            self._row(cells, widths, heads=told.heads)

    def notice(self) -> None:
        """Say, where it happened, that signs stand as their codes."""
        if self.lacking:
            self.ln(4)
            self.text_block(
                "P", _("Signs that this typeface lacks stand as their code in brackets."), grey=True
            )

    # -- text ------------------------------------------------------------------------------------

    @property
    def left_mm(self) -> float:
        """How much of the page is left, in mm."""
        return float(self.h - MARGIN_MM - self.get_y())

    def room(self, height: float) -> None:
        """Begin a page where ``height`` mm would not fit any more."""
        if self.left_mm < height:
            self.add_page()

    def text_block(
        self, kind: str, text: str, *, size: float = 9.5, style: str = "", line: float = LINE_MM,
        left: float = 0.0, width: float = 0.0, grey: bool = False,
    ) -> None:  # fmt: skip
        """Write a text of any length as tags of ``kind``, one a page."""
        self._pen(size, style, grey)
        width = width or self.epw - left
        lines = self._lines(self.visible(text), width, line)
        while lines:
            self.room(line)
            fits = max(1, int(self.left_mm // line))
            with self.tagged(kind):
                for one in lines[:fits]:
                    self.set_x(MARGIN_MM + left)
                    self._write(width, line, one, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            lines = lines[fits:]

    def _row(
        self, cells: list[str], widths: list[float], *, style: str = "", heads: list[str] | None = None
    ) -> None:
        """Write one row, on the next page where this one has no room; one that no page holds is split."""
        self._pen(9, style, bool(style))
        columns = [
            self._lines(self.visible(cell), width - 2, LINE_MM)
            for cell, width in zip(cells, widths, strict=True)
        ]
        lines, at = max(1, *map(len, columns)), 0
        if heads is not None and lines * LINE_MM + ROW_GAP_MM > self.left_mm:
            self._page_under(heads, widths)
        while at < lines:
            fits = max(1, int((self.left_mm - ROW_GAP_MM) // LINE_MM))
            self._pen(9, style, bool(style))
            self._cells([column[at : at + fits] for column in columns], widths)
            at += fits
            if at < lines:
                self._page_under(heads, widths)

    def _page_under(self, heads: list[str] | None, widths: list[float]) -> None:
        """Begin a page; a table's heads come first."""
        self.add_page()
        if heads is not None:
            self._row(heads, widths, style="B")

    def _cells(self, columns: list[list[str]], widths: list[float]) -> None:
        """Write lines beside each other, as one tag, with a rule below."""
        top, height = self.get_y(), max(1, *map(len, columns)) * LINE_MM + ROW_GAP_MM
        with self.tagged("P"):
            for n, (lines, width) in enumerate(zip(columns, widths, strict=True)):
                for i, one in enumerate(lines):
                    self.set_xy(MARGIN_MM + sum(widths[:n]), top + i * LINE_MM)
                    self._write(width - 2, LINE_MM, one)
        self.set_xy(MARGIN_MM, top + height)
        self.set_draw_color(200)
        with self.artifact():
            self.line(MARGIN_MM, top + height, self.w - MARGIN_MM, top + height)

    def _widths(self, told: Table) -> list[float]:
        """The last column has at least a third of the page."""
        self.set_font("report", "B", 9)
        others = len(told.heads) - 1
        widest = [
            max(self._width_of(self.visible(row[n])) for row in [told.heads, *told.rows]) + 4
            for n in range(others)
        ]
        fixed = [min(one, min(0.34, 0.66 / others) * self.epw) for one in widest]
        return [*fixed, self.epw - sum(fixed)]

    def _width_of(self, text: str) -> float:
        self._shape_for(text)
        return float(self.get_string_width(text))

    def _lines(self, text: str, width: float, line: float) -> list[str]:
        self._shape_for(text)
        found: Any = self.multi_cell(width, line, text, align="L", dry_run=True, output="LINES")
        return [str(one) for one in found]

    def _pen(self, size: float, style: str, grey: bool) -> None:
        self.set_font("report", style, size)
        self.set_text_color(90 if grey else 20)

    def visible(self, text: str) -> str:
        """Return ``text`` with what the typeface lacks, and what nobody sees, as its code."""
        text = text.replace("\r\n", "\n").replace("\t", " ")
        told = "".join(
            sign if sign == "\n" or (ord(sign) in _known() and sign.isprintable()) else f"[U+{ord(sign):04X}]"
            for sign in text
        )
        self.lacking = self.lacking or told != text
        return told

    def _shape_for(self, text: str) -> None:
        """Let what is measured or written from here on be shaped if this text has to be."""
        self.set_text_shaping(not _STRAIGHT.fullmatch(text))

    def _write(self, width: float, line: float, text: str, **where: Any) -> None:
        self._shape_for(text)
        self.cell(width, line, text, **where)

    # -- structure -------------------------------------------------------------------------------

    @contextmanager
    def tagged(self, kind: str) -> Iterator[None]:
        """Mark what is written inside as one element of the document's structure (PDF 32000, 14.7)."""
        mcid = self.struct_builder.next_mcid_for_page(self.page)
        self._add_marked_content(struct_type=f"/{kind}", mcid=mcid)
        self._out(f"/{kind} <</MCID {mcid}>> BDC")
        yield
        self._out("EMC")

    @contextmanager
    def artifact(self) -> Iterator[None]:
        """Mark what is written inside as no part of the text: lines, page numbers."""
        self._out("/Artifact BMC")
        yield
        self._out("EMC")

    def footer(self) -> None:
        """Number the page."""
        self.set_y(-MARGIN_MM + 6)
        self._pen(8, "", True)
        with self.artifact():
            self._write(self.epw / 2, 4, self.report.name)
            self._write(self.epw / 2, 4, str(self.page), align="R")
