from django.urls import URLPattern, URLResolver, path

from accounts import views

app_name = "accounts"

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/profile/", views.profile, name="profile"),
    path("me/privacy/", views.privacy, name="privacy"),
    path("staff/people/", views.people_list, name="people"),
    path("staff/people/<int:pk>/", views.person, name="person"),
    path("staff/people/<int:pk>/roles/", views.give_role, name="give-role"),
    path("staff/roles/<int:pk>/withdraw/", views.withdraw_role, name="withdraw-role"),
    path("staff/audit/", views.audit, name="audit"),
    path("staff/approvals/", views.approval_list, name="approvals"),
    path("staff/approvals/<int:pk>/", views.decide, name="decide"),
]
