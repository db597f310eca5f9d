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
from therapy_credits.models.pools import Expiry, Funding, Policy, Pool
from therapy_credits.models.subjects import Subject

__all__ = [
    "CHARGES",
    "VOIDS",
    "Account",
    "AccountQuerySet",
    "Code",
    "Expiry",
    "Funding",
    "Kind",
    "Phase",
    "Policy",
    "Pool",
    "Subject",
    "Transfer",
]
