from accounts.models.api import ApiKey, ApiReply, Scope
from accounts.models.approvals import Approval
from accounts.models.grants import Role, StaffGrant
from accounts.models.people import Erasure, User
from accounts.models.trail import AccessLook, AuditEntry, Seal, SealedLog

__all__ = [
    "AccessLook",
    "ApiKey",
    "ApiReply",
    "Approval",
    "AuditEntry",
    "Erasure",
    "Role",
    "Scope",
    "Seal",
    "SealedLog",
    "StaffGrant",
    "User",
]
