"""Who may open which page of the rulebook."""

import pytest
from django.urls import reverse
from tests.makers import make_rulebook, make_user, sign_in

from zhupei.kernel.roles import STAFF, Role

pytestmark = pytest.mark.django_db

EVERYONE = frozenset(Role) | {None}
KEY = {"key": "plan_submit_workdays"}

# url name, its arguments, method, roles let in (None: the public)
ROWS = [
    ("rulebook:basis", dict, "get", EVERYONE),
    ("rulebook:posts", dict, "get", EVERYONE),
    ("rulebook:divisions", dict, "get", EVERYONE),
    ("rulebook:calendar", dict, "get", EVERYONE),
    ("rulebook:parameters", dict, "get", STAFF),
    ("rulebook:parameter", lambda: KEY, "get", STAFF),
    ("rulebook:parameter_change", lambda: KEY, "get", {Role.SYSTEM_ADMINISTRATOR}),
    ("rulebook:parameter_change", lambda: KEY, "post", {Role.SYSTEM_ADMINISTRATOR}),
    ("rulebook:rule_document", dict, "get", {Role.SYSTEM_ADMINISTRATOR}),
    ("rulebook:calendar_import", dict, "get", {Role.CENTRE_OFFICER}),
    ("rulebook:calendar_import", dict, "post", {Role.CENTRE_OFFICER}),
    ("rulebook:calendar_example", dict, "get", {Role.CENTRE_OFFICER}),
    ("rulebook:calendar_apply", dict, "post", {Role.CENTRE_OFFICER}),
]


@pytest.mark.parametrize(("name", "kwargs", "method", "let_in"), ROWS)
def test_permission(client, name, kwargs, method, let_in):
    make_rulebook()
    url = reverse(name, kwargs=kwargs())
    for role in [*sorted(set(Role) - set(let_in)), *sorted(set(let_in) - {None})]:
        sign_in(client, make_user(role))
        response = getattr(client, method)(url)
        assert (response.status_code != 403) == (role in let_in), (name, role)
    client.logout()
    response = getattr(client, method)(url)
    refused = response.status_code == 401 or (response.status_code == 302 and "sign" in response["Location"])
    assert refused != (None in let_in)
