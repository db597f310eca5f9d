"""Where signing in leads."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from notifications.adapters import MailAdapter
from portal.queries import is_here_for_a_practice


class AccountAdapter(MailAdapter):
    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Home; for who only works for a practice, its day. A ``next=`` comes before either."""
        if is_here_for_a_practice(request.user, at=timezone.now()):
            return "/practice/"
        home: str = super().get_login_redirect_url(request)
        return home
