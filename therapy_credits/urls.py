from django.urls import URLPattern, URLResolver, path

from therapy_credits.views import care, pools, practice, staff_practices

app_name = "therapy_credits"

urlpatterns: list[URLPattern | URLResolver] = [
    path("care/", care.home, name="care"),
    path("care/practices/", care.find, name="find"),
    path("care/practices/forget/", care.forget_search, name="forget-search"),
    path("care/practices/<slug:slug>/", care.practitioner, name="practitioner"),
    path("care/bookings/<str:reference>/", care.booking, name="booking"),
    path("care/bookings/<str:reference>/cancel/", care.cancel, name="booking-cancel"),
    path("care/code/", care.code, name="code"),
    path("care/code/done/", care.code_done, name="code-done"),
    path("care/code/<str:reference>/cancel/", care.code_cancel, name="code-cancel"),
    path("practice/", practice.today, name="practice-today"),
    path("practice/confirm/", practice.confirm, name="practice-confirm"),
    path("practice/confirm/<str:reference>/undo/", practice.undo_code, name="practice-undo-code"),
    path("practice/bookings/", practice.bookings, name="practice-bookings"),
    path("practice/bookings/<str:reference>/", practice.booking, name="practice-booking"),
    path("practice/hours/", practice.hours, name="practice-hours"),
    path("practice/join/<str:token>/", practice.join, name="practice-join"),
    path("staff/practices/", staff_practices.listing, name="staff-practices"),
    path("staff/practices/new/", staff_practices.create, name="staff-practice-new"),
    path("staff/practices/<slug:slug>/", staff_practices.practice, name="staff-practice"),
    path("staff/practices/<slug:slug>/edit/", staff_practices.edit, name="staff-practice-edit"),
    path(
        "staff/practices/<slug:slug>/status/", staff_practices.status, name="staff-practice-status"
    ),
    path(
        "staff/practices/<slug:slug>/services/", staff_practices.service, name="staff-service-new"
    ),
    path("staff/practices/<slug:slug>/members/", staff_practices.invite, name="staff-member-new"),
    path(
        "staff/practices/<slug:slug>/members/<int:pk>/end/",
        staff_practices.end_membership,
        name="staff-member-end",
    ),
    path(
        "staff/practices/<slug:slug>/practitioners/",
        staff_practices.new_practitioner,
        name="staff-practitioner-new",
    ),
    path(
        "staff/practices/<slug:slug>/practitioners/<slug:person>/",
        staff_practices.practitioner,
        name="staff-practitioner",
    ),
    path(
        "staff/practices/<slug:slug>/practitioners/<slug:person>/licences/",
        staff_practices.new_licence,
        name="staff-licence-new",
    ),
    path(
        "staff/practices/<slug:slug>/licences/<int:pk>/check/",
        staff_practices.check_licence,
        name="staff-licence-check",
    ),
    path("staff/pools/", pools.listing, name="pools"),
    path("staff/pools/new/", pools.create, name="pool-new"),
    path("staff/pools/<int:pk>/", pools.pool, name="pool"),
    path("staff/pools/<int:pk>/fund/", pools.fund, name="pool-fund"),
    path("staff/pools/<int:pk>/policies/new/", pools.add_policy, name="policy-new"),
    path("staff/pools/<int:pk>/policies/<uuid:policy_id>/", pools.policy, name="policy"),
]
