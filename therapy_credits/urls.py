from django.urls import URLPattern, URLResolver, path

from therapy_credits.views import (
    care,
    concerns,
    desk,
    doors,
    gifts,
    pools,
    practice,
    staff_practices,
    statements,
)

app_name = "therapy_credits"

urlpatterns: list[URLPattern | URLResolver] = [
    path("care/", care.home, name="care"),
    path("care/door/", doors.door, name="care-door"),
    path("care/private/", doors.private, name="care-private"),
    path("care/private/fine/", doors.fine, name="care-private-fine"),
    path("care/practices/", care.find, name="find"),
    path("care/practices/forget/", care.forget_search, name="forget-search"),
    path("care/practices/ask/", care.ask_desk, name="ask-desk"),
    path("care/practices/<slug:slug>/", care.practitioner, name="practitioner"),
    path("care/bookings/<str:reference>/", care.booking, name="booking"),
    path("care/bookings/<str:reference>/cancel/", care.cancel, name="booking-cancel"),
    path("care/bookings/<str:reference>/move/", care.move, name="booking-move"),
    path("care/bookings/<str:reference>/elsewhere/", care.elsewhere, name="booking-elsewhere"),
    path("care/bookings/<str:reference>/mismatch/", care.mismatch, name="booking-mismatch"),
    path("care/bookings/<str:reference>/right/", care.booking_right, name="booking-right"),
    path("care/code/<str:reference>/right/", care.code_right, name="code-right"),
    path("care/code/", care.code, name="code"),
    path("care/code/done/", care.code_done, name="code-done"),
    path("care/code/<str:reference>/cancel/", care.code_cancel, name="code-cancel"),
    path("care/gift/", gifts.give, name="gift"),
    path("care/gift/done/", gifts.done, name="gift-done"),
    path("care/gift/<uuid:pk>/undo/", gifts.undo, name="gift-undo"),
    path("care/claim/", gifts.claim, name="claim"),
    path("care/claim/<str:token>/", gifts.open_link, name="claim-link"),
    path("practice/", practice.today, name="practice-today"),
    path("practice/confirm/", practice.confirm, name="practice-confirm"),
    path("practice/confirm/<str:reference>/undo/", practice.undo_code, name="practice-undo-code"),
    path("practice/bookings/", practice.bookings, name="practice-bookings"),
    path("practice/bookings/<str:reference>/", practice.booking, name="practice-booking"),
    path("practice/hours/", practice.hours, name="practice-hours"),
    path("practice/statements/", statements.practice_list, name="practice-statements"),
    path(
        "practice/statements/<uuid:pk>/", statements.practice_statement, name="practice-statement"
    ),
    path(
        "practice/statements/<uuid:pk>/statement.csv",
        statements.practice_csv,
        name="practice-statement-csv",
    ),
    path("practice/bookings/<str:reference>/ending/", practice.ending, name="practice-ending"),
    path(
        "practice/bookings/<str:reference>/claim/", practice.late_claim, name="practice-late-claim"
    ),
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
    path(
        "staff/practices/<slug:slug>/licences/<int:pk>/withdraw/",
        staff_practices.withdraw_licence,
        name="staff-licence-withdraw",
    ),
    path("staff/statements/", statements.staff_list, name="staff-statements"),
    path("staff/statements/<uuid:pk>/", statements.staff_statement, name="staff-statement"),
    path("staff/worried/", concerns.worried, name="worried"),
    path("staff/safeguarding/", concerns.listing, name="concerns"),
    path("staff/safeguarding/leads/", concerns.leads, name="safeguarding-leads"),
    path("staff/safeguarding/<int:pk>/", concerns.concern, name="concern"),
    path("staff/care/", desk.listing, name="desk"),
    path("staff/care/<str:reference>/", desk.case, name="desk-case"),
    path("staff/pools/", pools.listing, name="pools"),
    path("staff/pools/new/", pools.create, name="pool-new"),
    path("staff/pools/<int:pk>/", pools.pool, name="pool"),
    path("staff/pools/<int:pk>/fund/", pools.fund, name="pool-fund"),
    path("staff/pools/<int:pk>/hand-back/", pools.hand_back, name="pool-hand-back"),
    path("staff/pools/<int:pk>/undo-charge/", pools.undo_charge, name="pool-undo-charge"),
    path("staff/pools/<int:pk>/alerts/", pools.alerts, name="pool-alerts"),
    path("staff/pools/<int:pk>/missed/", pools.missed_rules, name="missed-rules"),
    path("staff/pools/<int:pk>/policies/new/", pools.add_policy, name="policy-new"),
    path("staff/pools/<int:pk>/policies/<uuid:policy_id>/", pools.policy, name="policy"),
]
