from accounts.models.approvals import Approval
from accounts.models.grants import Role, StaffGrant
from accounts.models.people import User
from accounts.models.trail import AccessLook, AuditEntry

__all__ = ["AccessLook", "Approval", "AuditEntry", "Role", "StaffGrant", "User"]
