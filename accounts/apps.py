from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AccountsConfig(AppConfig):
    name = "accounts"
    default = True
    default_auto_field = "django.db.models.BigAutoField"


class AdminSiteConfig(admin_apps.AdminConfig):
    """The admin site with our own door. See accounts/adapters.py."""

    default = False
    default_site = "accounts.adapters.GreenroomAdminSite"
