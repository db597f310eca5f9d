"""People who can sign in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A person who signs in with ``email``; without a password, by a code sent to it."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who can sign in. What they may do is in grants and memberships, never here."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=12, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    # The default is the database's too: rows are also written by statements that leave it out.
    wants_plain_titles = models.BooleanField(
        _("plain titles in my calendar"), default=False, db_default=False
    )
    wants_single_dates = models.BooleanField(
        _("each date of what comes back by itself in my calendar"), default=False, db_default=False
    )
    is_active = models.BooleanField(_("can sign in"), default=True)
    is_staff = models.BooleanField(_("can open the admin site"), default=False)
    is_demo = models.BooleanField(
        _("demo account"),
        default=False,
        editable=False,
        help_text=_("Made by the demo command. With DEBUG on, needs no second factor."),
    )
    joined_at = models.DateTimeField(_("joined"), auto_now_add=True)
    # From then on the row is a number that logs and histories name, and nobody.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_in_any_case"),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | Q(
                    email__endswith="@forgotten.invalid",
                    name="",
                    language="",
                    time_zone="",
                    is_active=False,
                    last_login__isnull=True,
                ),
                name="user_erased_is_nobody",
            ),
        ]

    def __str__(self) -> str:
        if self.erased_at:
            return gettext("Erased account")
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name or self.email.partition("@")[0]


class Erasure(models.Model):
    """That this account was erased. It is backed up with the keys of care, apart from all else, so
    that who was erased is erased again when an older backup is put back."""

    user_id = models.BigIntegerField(primary_key=True)  # no foreign key: it is restored by itself
    erased_at = models.DateTimeField(_("erased"))

    objects: ClassVar[models.Manager[Erasure]] = models.Manager()

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")

    def __str__(self) -> str:
        return str(self.user_id)
