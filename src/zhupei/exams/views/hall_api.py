"""What halls' own machines ask of the centre. No session, no cookie: each call is signed (``exams.machines``); answers are JSON,
signed by the centre, or pieces of a bundle, which is signed itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from zhupei.exams import actions, keys, machines
from zhupei.kernel.errors import Refusal
from zhupei.web.views import message_of

RANGE = re.compile(r"bytes=(\d{1,12})-(\d{1,12})?")
DIGEST = re.compile(r"[0-9a-f]{64}")
NUMBER = re.compile(r"\d{1,12}")
BUNDLE_ID = re.compile(r"[A-Za-z0-9-]{1,60}")

Answer = dict[str, Any] | HttpResponse


def _signed(response: HttpResponse, nonce: str) -> HttpResponse:
    text = machines.answer_text(nonce, response.status_code, response.content)
    response[machines.ANSWER_SIGNATURE] = keys.centre_signer().sign(text)
    return response


def for_machines(method: str) -> Callable[[Callable[..., Answer]], Callable[..., HttpResponse]]:
    """A view for registered machines alone: authenticates the call, and answers refusals as JSON too."""

    def decorate(view: Callable[..., Answer]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @require_http_methods([method])
        @wraps(view)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            nonce = ""
            try:
                call = machines.authenticate(request)
                nonce = call.nonce
                answer = view(request, call, *args, **kwargs)
            except Refusal as refusal:
                body: dict[str, Any] = {"code": refusal.code, "message": message_of(refusal)}
                if "offset" in refusal.fields:
                    body["offset"] = int(refusal.fields["offset"][0])
                answer = JsonResponse(body, status=refusal.status)
            if isinstance(answer, dict):
                answer = JsonResponse(answer)
            is_json = answer.headers["Content-Type"] == "application/json"
            return _signed(answer, nonce) if nonce and is_json else answer

        return answered

    return decorate


def _bundle_id(text: str) -> str:
    if not BUNDLE_ID.fullmatch(text):
        raise Refusal("bundle_unknown", status=404)
    return text


def _asked(request: HttpRequest, name: str, form: re.Pattern[str]) -> str:
    value = request.GET.get(name, "")
    if not form.fullmatch(value):
        raise Refusal("bad_value", f"{name}?", status=422)
    return value


@for_machines("GET")
def bundles(request: HttpRequest, call: machines.Call) -> Answer:
    """The bundles that wait for this hall."""
    return {"hall": call.machine.key.hall.name, "bundles": actions.bundles_for(call)}


@for_machines("GET")
def bundle(request: HttpRequest, call: machines.Call, bundle_id: str) -> Answer:
    """A piece of a bundle: ``Range: bytes=from-`` is needed; one answer holds at most a mebibyte."""
    found = RANGE.fullmatch(request.headers.get("Range", "bytes=0-"))
    if found is None:
        raise Refusal("beyond_the_end", "Range: bytes=N-M", status=416)
    start = int(found[1])
    end = int(found[2]) + 1 if found[2] else start + actions.PIECE
    data, size = actions.bundle_piece(call, _bundle_id(bundle_id), start, end)
    response = HttpResponse(data, content_type="application/octet-stream", status=206)
    response["Content-Range"] = f"bytes {start}-{start + len(data) - 1}/{size}"
    response["Accept-Ranges"] = "bytes"
    return response


@for_machines("GET")
def key(request: HttpRequest, call: machines.Call, bundle_id: str) -> Answer:
    """The released key of a bundle, sealed to the machine."""
    return {"bundle_id": bundle_id, "sealed_key": actions.key_for(call, _bundle_id(bundle_id))}


@for_machines("GET")
def return_state(request: HttpRequest, call: machines.Call, bundle_id: str) -> Answer:
    """How much of a return is here, or what became of it."""
    return actions.return_state(call, _bundle_id(bundle_id), _asked(request, "digest", DIGEST))


@for_machines("PUT")
def return_piece(request: HttpRequest, call: machines.Call, bundle_id: str) -> Answer:
    """The next piece of a return."""
    return actions.take_piece(
        call,
        _bundle_id(bundle_id),
        digest=_asked(request, "digest", DIGEST),
        size=int(_asked(request, "size", NUMBER)),
        offset=int(_asked(request, "offset", NUMBER)),
        data=request.body,
    )
