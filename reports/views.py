"""Usage reports: the published ones, and the staff page that publishes a quarter."""

from __future__ import annotations

import csv
import io

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, staff_only
from accounts.models import Role
from events.access import date_to_show, dates_to_show, event_to_edit
from reports.domain.chart import bar_chart
from reports.domain.quarters import Quarter
from reports.errors import ReportError
from reports.models import READERS, PublishedReport
from reports.queries import drafts, survey_results, trend, up_to
from reports.rules import can_publish_reports
from reports.services.exports import as_csv_rows, as_workbook
from reports.services.reports import draft_content, publish_report

TREND_MEASURES = ("units_used", "people_attended")


def _published(request: SignedInRequest, slug: str) -> PublishedReport:
    reports = PublishedReport.objects.visible_to(request.user, at=timezone.now())
    return get_object_or_404(reports, slug=slug)


@staff_only(*READERS)
@require_GET
def report_list(request: SignedInRequest) -> HttpResponse:
    """What is published, what can be, and what has still to wait."""
    at = timezone.now()
    context = {
        "reports": PublishedReport.objects.visible_to(request.user, at=at).newest_first(),
        "drafts": drafts(at=at),
        "may_publish": can_publish_reports(request.user, at=at),
    }
    return render(request, "reports/list.html", context)


@staff_only(*READERS)
@require_GET
def report_page(request: SignedInRequest, slug: str) -> HttpResponse:
    """One published report with its tables, a chart over the quarters before it, and its method."""
    report = _published(request, slug)
    reports = up_to(report)
    charts = [
        {"measure": measure, "points": points, "chart": bar_chart(points)}
        for measure in TREND_MEASURES
        if (points := trend(reports, measure))
    ]
    return render(request, "reports/page.html", {"report": report, "charts": charts})


@staff_only(*READERS)
@require_GET
def report_csv(request: SignedInRequest, slug: str) -> HttpResponse:
    """The same figures as the page, one row per programme and measure."""
    report = _published(request, slug)
    text = io.StringIO()
    csv.writer(text).writerows(as_csv_rows(report))
    return _download(text.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8", slug, "csv")


@staff_only(*READERS)
@require_GET
def report_json(request: SignedInRequest, slug: str) -> HttpResponse:
    """The frozen content with its method and fingerprint."""
    report = _published(request, slug)
    return JsonResponse(
        {
            **report.content,
            "method_version": report.method_version,
            "published_at": report.published_at,
            "sha256": report.content_sha256,
        }
    )


@staff_only(*READERS)
@require_GET
def report_xlsx(request: SignedInRequest, slug: str) -> HttpResponse:
    """A workbook with one sheet per table."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _download(as_workbook(_published(request, slug)), kind, slug, "xlsx")


@staff_only(Role.ANALYST, Role.ADMIN)
@require_http_methods(["GET", "POST"])
def report_draft(request: SignedInRequest, slug: str) -> HttpResponse:
    """A quarter as publishing it would show it, and the button that publishes it for good."""
    at = timezone.now()
    quarter = Quarter.from_slug(slug)
    draft = next((draft for draft in drafts(at=at) if draft.quarter == quarter), None)
    if draft is None:
        published = get_object_or_404(
            PublishedReport.objects.visible_to(request.user, at=at), slug=slug
        )
        return redirect("reports:page", slug=published.slug)
    if request.method == "POST":
        try:
            report = publish_report(quarter=draft.quarter, actor=request.user, at=at)
        except ReportError as error:
            messages.error(request, str(error))
            return redirect("reports:list")
        messages.success(request, _("Published. It will not change any more."))
        return redirect("reports:page", slug=report.slug)
    context = {"draft": draft, "content": draft_content(draft.quarter, at=at)}
    return render(request, "reports/draft.html", context)


def _download(body: bytes, content_type: str, slug: str, extension: str) -> HttpResponse:
    response = HttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="usage-{slug}.{extension}"'
    return response


@staff_only(Role.COORDINATOR)
@require_GET
def survey_results_page(request: SignedInRequest, slug: str) -> HttpResponse:
    """How a date was for those who came, for the coordinator who runs it."""
    event, at = event_to_edit(request, slug), timezone.now()
    occurrence = date_to_show(event, request.GET.get("date", ""))
    labels = {
        "liked": _("It was good for me"),
        "welcome": _("I felt welcome and safe"),
        "again": _("Would come again"),
        "helped": _("I feel better able to look after myself"),
    }
    results = survey_results(occurrence, at=at) if occurrence else []
    context = {
        "event": event,
        "occurrence": occurrence,
        "others": dates_to_show(event),
        "is_early": results is None,
        "rows": [(labels[one.question], one) for one in results or []],
    }
    return render(request, "reports/survey.html", context)
