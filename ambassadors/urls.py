from django.urls import URLPattern, URLResolver, path

from ambassadors.views import join, mine, public, rosters, staff

app_name = "ambassadors"

urlpatterns: list[URLPattern | URLResolver] = [
    path("programmes/", public.programmes, name="programmes"),
    path("programmes/<slug:slug>/", public.programme, name="programme"),
    path("join/<str:token>/", join.join, name="join"),
    path("join/<str:token>/decline/", join.decline, name="join-decline"),
    path("join/<str:token>/again/", join.again, name="join-again"),
    path("join/<str:token>/switch/", join.switch, name="join-switch"),
    path("me/programmes/", mine.my_programmes, name="my-programmes"),
    path("me/programmes/<int:pk>/", mine.my_enrolment, name="my-enrolment"),
    path("me/programmes/<int:pk>/join/", mine.join_step, name="join-step"),
    path("me/programmes/<int:pk>/agreement/", mine.my_agreement, name="my-agreement"),
    path("me/programmes/<int:pk>/pause/", mine.pause, name="pause"),
    path("me/programmes/<int:pk>/resume/", mine.resume, name="resume"),
    path("me/consent/", mine.my_consent, name="my-consent"),
    path("staff/programmes/", staff.programmes, name="staff-programmes"),
    path("staff/programmes/new/", staff.new_programme, name="staff-programme-new"),
    path("staff/programmes/<slug:slug>/", staff.programme, name="staff-programme"),
    path("staff/programmes/<slug:slug>/edit/", staff.edit_programme, name="staff-programme-edit"),
    path("staff/programmes/<slug:slug>/terms/new/", staff.new_term, name="staff-term-new"),
    path("staff/terms/<int:pk>/", staff.people, name="staff-term"),
    path("staff/terms/<int:pk>/invitations/", staff.invitation_list, name="staff-invitations"),
    path("staff/terms/<int:pk>/people.csv", staff.people_csv, name="staff-people-csv"),
    path("staff/terms/<int:pk>/edit/", staff.edit_term, name="staff-term-edit"),
    path("staff/terms/<int:pk>/end/", staff.end_term, name="staff-term-end"),
    path("staff/terms/<int:pk>/invite/", staff.invite, name="staff-invite"),
    path("staff/terms/<int:pk>/roster/", rosters.upload, name="roster-upload"),
    path("staff/invitations/<int:pk>/resend/", staff.resend, name="staff-resend"),
    path("staff/invitations/<int:pk>/revoke/", staff.revoke, name="staff-revoke"),
    path("staff/enrolments/<int:pk>/", staff.enrolment, name="staff-enrolment"),
    path("staff/enrolments/<int:pk>/move/", staff.move, name="staff-move"),
    path("staff/rosters/<int:pk>/", rosters.roster, name="roster"),
    path("staff/rosters/<int:pk>/read/", rosters.read, name="roster-read"),
    path("staff/rosters/<int:pk>/import/", rosters.start, name="roster-import"),
    path("staff/rosters/<int:pk>/discard/", rosters.discard, name="roster-discard"),
    path("staff/rosters/<int:pk>/problems.csv", rosters.problems_csv, name="roster-problems"),
]
