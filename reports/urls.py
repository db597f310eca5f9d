from django.urls import URLPattern, URLResolver, path

from reports import views

app_name = "reports"

urlpatterns: list[URLPattern | URLResolver] = [
    path("staff/reports/", views.report_list, name="list"),
    path("staff/reports/<slug:slug>/", views.report_draft, name="draft"),
    path("staff/events/<slug:slug>/survey/", views.survey_results_page, name="survey"),
    path("reports/<slug:slug>/", views.report_page, name="page"),
    path("reports/<slug:slug>.csv", views.report_csv, name="csv"),
    path("reports/<slug:slug>.json", views.report_json, name="json"),
    path("reports/<slug:slug>.xlsx", views.report_xlsx, name="xlsx"),
]
