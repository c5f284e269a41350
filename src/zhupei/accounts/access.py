from django.utils.translation import gettext_lazy as _

from zhupei.kernel.roles import STAFF, Role
from zhupei.web.access import Nav, public, roles, signed_in

NAV = [Nav("accounts:users", _("Accounts"), "person-badge", 80)]

PAGES = {
    "accounts:sign_in": public,
    "accounts:second_factor": public,
    "accounts:second_factor_set_up": public,
    "accounts:sign_out": signed_in,
    "accounts:new_password": public,
    "accounts:send_code": public,
    "accounts:mine": signed_in,
    "accounts:end_session": signed_in,
    "accounts:change_password": roles(*STAFF, Role.LEARNER),
    "accounts:users": roles(Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER),
    "accounts:user": roles(Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER),
    "accounts:close": roles(Role.SYSTEM_ADMINISTRATOR),
    "accounts:reopen": roles(Role.SYSTEM_ADMINISTRATOR),
    "accounts:reset_second_factor": roles(Role.SECURITY_OFFICER),
}
