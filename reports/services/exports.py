"""A published report as rows and as a workbook. The figures are the frozen ones, nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator

from django.utils.translation import gettext as _

from common.text import spreadsheet_safe
from reports.models import PublishedReport

WITHHELD = "withheld"


def as_csv_rows(report: PublishedReport) -> Iterator[list[str | int]]:
    """A header, then one row per table, programme and measure; a withheld figure says so."""
    names = {row["key"]: row["name"] for row in report.content["rows"]}
    yield ["quarter", "table", "programme", "measure", "value"]
    for table in report.tables:
        lines = [(names[line["row"]], line["cells"]) for line in table["rows"]]
        for name, cells in [*lines, ("all", table["total"])]:
            for measure, value in zip(table["measures"], cells, strict=True):
                shown = WITHHELD if value is None else value
                yield [report.slug, table["key"], spreadsheet_safe(name), measure, shown]


def as_workbook(report: PublishedReport) -> bytes:
    """An .xlsx with one sheet per table."""
    from openpyxl import Workbook  # a tenth of what every process reads at its start

    book = Workbook()
    book.remove(book.active)
    names = {row["key"]: row["name"] for row in report.content["rows"]}
    for table in report.tables:
        sheet = book.create_sheet(table["key"])
        sheet.append([_("Programme"), *table["measures"]])
        lines = [(names[line["row"]], line["cells"]) for line in table["rows"]]
        for name, cells in [*lines, (_("All programmes"), table["total"])]:
            shown = [WITHHELD if value is None else value for value in cells]
            sheet.append([spreadsheet_safe(name), *shown])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
