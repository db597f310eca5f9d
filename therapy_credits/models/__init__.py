"""The tables of therapy credits: the ledger, the pools behind it, and what stands round them."""

from therapy_credits.models.ledger import (
    CHARGES,
    VOIDS,
    Account,
    AccountQuerySet,
    Code,
    Kind,
    Phase,
    Transfer,
)
from therapy_credits.models.pools import Pool

__all__ = [
    "CHARGES",
    "VOIDS",
    "Account",
    "AccountQuerySet",
    "Code",
    "Kind",
    "Phase",
    "Pool",
    "Transfer",
]
