"""Corrections of wrong keys: proposal, dry run, decision, and what became of it (I07)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from zhupei.exams import access, actions, standing
from zhupei.exams.carrying import carried_marks_lost
from zhupei.exams.choices import ChallengeKind, ChallengeState, CorrectionState, Remedy
from zhupei.exams.models import Challenge, KeyCorrection
from zhupei.exams.rescoring import accepted_after
from zhupei.exams.rescoring_forms import (
    LETTERS,
    CorrectionFilter,
    CorrectionForm,
    DecideCorrectionForm,
    FindItemForm,
    LineFilter,
)
from zhupei.itembank.api import ItemText
from zhupei.kernel.errors import Refusal
from zhupei.kernel.roles import CENTRE
from zhupei.web.access import may_open
from zhupei.web.paging import page_by_key
from zhupei.web.views import refusals, status_of

from .pieces import act_on, actor_of, answers

MOST_LOST = 200  # rows of the list of carried marks that changed
WORKING = (CorrectionState.COMPUTING, CorrectionState.APPROVING)


def _questions(
    text: ItemText, correction: KeyCorrection | None = None, only: int | None = None
) -> list[dict[str, Any]]:
    """The questions of an item as the pages show them: options with letters, the drawn key, what counts by ``correction``."""
    rows = []
    for no, part in enumerate(text.children, 1) if text.is_case else [(0, text)]:
        if only is not None and no != only:
            continue
        letters = {id_: LETTERS[n] for n, (id_, _text) in enumerate(part.options)}
        corrected = accepted_after(part.answer, [correction]) if correction else None
        rows.append(
            {
                "no": no,
                "stem": part.stem if no else "",
                "options": [(letters[id_], words) for id_, words in part.options],
                "key": "".join(letters[id_] for id_, _text in part.options if id_ in part.answer),
                "accepted": sorted(
                    "".join(sorted(letters[id_] for id_ in answer))
                    for answer in (corrected.answers if corrected else ())
                ),
            }
        )
    return rows


def corrections(request: HttpRequest) -> HttpResponseBase:
    """All corrections, newest first, and the way to a new one."""
    actor = actor_of(request)
    find = FindItemForm(request.GET if "version" in request.GET else None)
    if find.is_bound and find.is_valid():
        data = find.cleaned_data
        try:
            actions.question_of(data["item"], data["version"])
            return redirect("exams:correct_key", uid=data["item"], version=data["version"])
        except Refusal as refusal:
            find.add_error("item", str(refusal.message))
    filters = CorrectionFilter(request.GET)
    wanted, filtered = answers(filters)
    rows = access.corrections_for(actor)
    if wanted["q"]:
        rows = rows.filter(item_uid__startswith=wanted["q"])
    if wanted["state"]:
        rows = rows.filter(state=wanted["state"])
    context = {
        "page": page_by_key(rows, request),
        "filters": filters,
        "filtered": filtered,
        "find": find,
        "stale": standing.stale_questions(),
        "waiting": standing.waiting_passes().count() if actor.has(*CENTRE) else 0,
        "lost": carried_marks_lost()[:MOST_LOST] if actor.has(*CENTRE) else (),
    }
    return render(request, "exams/corrections.html", context, status=status_of(find))


def correct_key(request: HttpRequest, uid: str, version: int) -> HttpResponseBase:
    """Propose how the key of a version of an item is put right. ``?challenge=`` names the review that led here."""
    actor = actor_of(request)
    row, text = actions.read_question(uid, version, by=actor)
    challenge: Challenge | None = None
    wanted = request.GET.get("challenge", "")
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 18 and actor.has(*CENTRE):
        challenge = (
            access.challenges_for(actor)
            .filter(pk=int(wanted), kind=ChallengeKind.ITEM, state=ChallengeState.OPEN)
            .first()
        )
    form = CorrectionForm(request.POST or None, text=text)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            correction = actions.propose_correction(
                uid,
                version,
                child_no=data["child_no"],
                remedy=data["remedy"],
                answers=data["answers"],
                reason=data["reason"],
                notice=data["notice"],
                challenge=challenge,
                by=actor,
            )
            actions.start_computing(correction, by=actor)
        if outcome.ok:
            messages.success(request, _("Proposed. Look at the dry run; another person has to approve it."))
            return redirect("exams:correction", pk=correction.pk)
    context = {
        "form": form,
        "version": row,
        "text": text,
        "questions": _questions(text),
        "challenge": challenge,
        "others": [
            number
            for number in row.item.versions.order_by("number").values_list("number", flat=True)
            if number != version
        ],
    }
    return render(request, "exams/correct_key.html", context, status=status_of(form))


def correction(request: HttpRequest, pk: int) -> HttpResponse:
    """One correction: what is proposed, the dry run by result, the decision."""
    actor = actor_of(request)
    row = get_object_or_404(access.corrections_for(actor), pk=pk)
    _version, text = actions.read_question(row.item_uid, row.version, by=actor)
    filters = LineFilter(request.GET)
    wanted, filtered = answers(filters)
    lines = row.lines.select_related(
        "result__candidate__person", "result__candidate__batch", "result__candidate__post"
    )
    if wanted["kind"]:
        lines = lines.filter(kind=wanted["kind"])
    waiting = standing.waiting_passes(row).count() if row.state == CorrectionState.APPROVED else 0
    context = {
        "correction": row,
        "text": text,
        "questions": _questions(text, row, row.child_no),
        "void": row.remedy == Remedy.VOID,
        "page": page_by_key(lines, request, order=("pk",), size=50),
        "filters": filters,
        "filtered": filtered,
        "working": row.state in WORKING and not row.fault,
        "centre": actor.has(*CENTRE),
        "may_decide": may_open(actor, "exams:correction_decide")
        and row.can("refuse")
        and row.proposed_by_id != actor.user_id,
        "may_withdraw": row.can("withdraw") and row.proposed_by_id == actor.user_id,
        "may_compute": row.can("compute"),
        "waiting": waiting,
        "may_confirm": bool(waiting) and may_open(actor, "exams:correction_confirm"),
        "challenges": list(row.challenges.all()) if actor.has(*CENTRE) else [],
    }
    return render(request, "exams/correction.html", context)


def correction_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a computation is; once it is over, the page is loaded anew."""
    row = get_object_or_404(access.corrections_for(actor_of(request)), pk=pk)
    response = render(request, "exams/_correction_progress.html", {"correction": row})
    if row.state not in WORKING or row.fault:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def correction_compute(request: HttpRequest, pk: int) -> HttpResponseBase:
    done = _("The dry run is made anew.")
    return act_on(
        request, access.corrections_for, pk, actions.start_computing, done=done, to="exams:correction"
    )


@require_POST
def correction_withdraw(request: HttpRequest, pk: int) -> HttpResponseBase:
    done = _("Taken back.")
    return act_on(
        request, access.corrections_for, pk, actions.withdraw_correction, done=done, to="exams:correction"
    )


def correction_decide(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Approve or refuse; its own maker cannot."""
    actor = actor_of(request)
    row = get_object_or_404(access.corrections_for(actor), pk=pk)
    form = DecideCorrectionForm(request.POST or None, initial={"shown": row.lines_digest})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with refusals(form) as outcome:
            if data["accept"]:
                row = actions.approve_correction(row, shown=data["shown"], reason=data["reason"], by=actor)
            else:
                row = actions.refuse_correction(row, reason=data["reason"], by=actor)
        if outcome.ok:
            done = {
                CorrectionState.APPROVED: _("Approved. Everybody who had the question was scored again."),
                CorrectionState.APPROVING: _("Approved. The results are being scored again."),
            }.get(CorrectionState(row.state), _("Refused."))
            messages.success(request, done)
            return redirect("exams:correction", pk=row.pk)
    return render(
        request, "exams/correction_decide.html", {"form": form, "correction": row}, status=status_of(form)
    )


@require_POST
def correction_confirm(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Confirm the passes that a correction brought."""
    done = _("The passes are confirmed.")
    return act_on(
        request, access.corrections_for, pk, actions.confirm_rescored, done=done, to="exams:correction"
    )
