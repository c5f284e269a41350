import pytest
from tests.makers import *
from zhupei.hours.api import *
pytestmark=pytest.mark.django_db
def test_x():
    make_rulebook()
    p,u=make_learner()
    make_hours(5,p,8); e=make_hours(5,p,"32.5")
    assert accepted_hours(5)==Decimal("40.50")
    assert ready_for_test([5,6])=={5}
    r=verify_ledger(); assert r.whole, r
