"""A hall cut off from the centre from bundle to return: the drill of ``zhupei bench cutoff``, small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.cutoff import BATCH, PASSWORD, Drill

# Tables without migrations, kept empty but for the rule as the hall's; then a centre with one sealed batch, and its people.
CENTRE = """
import shutil
from django.conf import settings
from django.core.management import call_command
settings.MIGRATION_MODULES = dict.fromkeys(settings.ROOMS)
call_command("migrate", run_syncdb=True, verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
from django.db import connection
from tests.makers import make_batch, make_filed_staff, make_person, make_rulebook, make_user
from zhupei.accounts.models import User
from zhupei.kernel.roles import Role
make_rulebook()
connection.cursor().execute("vacuum into %s", ["{hall}/zhupei.sqlite3"])
shutil.copytree(settings.STATIC_ROOT, "{hall}/static")
batch = make_batch(state="ready", persons=[make_person() for _ in range(2)])
unit = batch.hall.institution.organisation
make_filed_staff(unit)
for _ in range(2):
    make_user(Role.INVIGILATOR, unit)
for login, role in (("centre", Role.CENTRE_OFFICER), ("approver", Role.CENTRE_APPROVER)):
    User.objects.filter(pk=make_user(role).pk).update(login=login)
known = User()
known.set_password("{password}")
User.objects.update(password=known.password, phone="13800000000")
"""
# The same return once more, as if the hall had changed one answer after the hand-in.
CHANGED = """
import msgspec
from zhupei.evidence.api import read
from zhupei.exams.actions import returns
from zhupei.exams.models import Batch, Result, ResultStep, ReturnIn
from zhupei.kernel.actor import SYSTEM
row = ReturnIn.objects.get()
batch, data, opened = row.batch, read(row.file), returns._open

def changed(batch, data):
    content, bundle = opened(batch, data)
    first = next(one for one in content.sittings if one.answers)
    answers = {subject: dict(given) for subject, given in first.answers.items()}
    answers["general"].popitem()
    sittings = [msgspec.structs.replace(one, answers=answers) if one is first else one for one in content.sittings]
    return msgspec.structs.replace(content, sittings=tuple(sittings)), bundle

ResultStep.objects.all().delete()
Result.objects.all().delete()
row.delete()
Batch.objects.filter(pk=batch.pk).update(state="released")
returns._open = changed
returns.receive_return(batch, data, by=SYSTEM)
answer = None
"""


class SmallDrill(Drill):
    """Two candidates, one of whom sits."""

    sitters = 1

    def install(self) -> dict[str, Any]:
        self.centre.environment["PYTHONPATH"] = str(Path(__file__).parents[4])  # for ``tests``
        found: dict[str, Any] = self.centre.ask(
            CENTRE.format(hall=self.hall.folder, password=PASSWORD) + BATCH
        )
        return found


@pytest.fixture
def drill(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDrill]:
    monkeypatch.delenv("DATABASE_URL", raising=False)  # two databases of its own, whatever this run has
    made = SmallDrill(print)
    yield made
    made.close()
    assert not made.hall.folder.exists()


@pytest.mark.req("I03")
@pytest.mark.timeout(400)  # some fifteen processes: on a busy machine they take their time
def test_a_hall_cut_off_from_bundle_to_return_agrees_with_the_centre(drill: SmallDrill) -> None:
    drill.run()
    assert drill.facts["ok"], drill.facts
    assert drill.facts["differences"] == 0
    drill.centre.ask(CHANGED)
    drill.compare()
    assert drill.facts["differences"] > 0
    assert not drill.facts["ok"]
