from django.utils.translation import gettext_lazy as _

from zhupei.web.access import Nav, public

PAGES = {"portal:home": public, "portal:rule": public}
NAV = [Nav("portal:home", _("Home"), "house", 0)]
