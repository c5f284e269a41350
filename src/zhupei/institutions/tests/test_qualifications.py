"""Scans, qualifications and licences, and who may change them."""

import io
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image
from tests.makers import make_actor, make_institution, make_organisation, make_user, sign_in

from zhupei.audit.models import AuditEvent
from zhupei.evidence.api import StoredFile
from zhupei.institutions import actions, events
from zhupei.institutions.models import Licence, Qualification
from zhupei.institutions.tests.registering import PDF, head_of, office, officer, picture, qualification
from zhupei.kernel.errors import Conflict, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.api import Notice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("november")]


@pytest.mark.req("R008", "R009")
def test_scans_are_kept_and_read_on_record(client, district):
    institution = make_institution(state="draft")
    institution.qualifications.all().delete()
    head = make_user(Role.INSTITUTION_HEAD, institution.organisation)
    sign_in(client, head)
    url = reverse("institutions:qualification_add", args=[institution.pk])
    scan = SimpleUploadedFile("资质.pdf", PDF, "application/pdf")
    assert client.post(url, {**qualification(), "scan": scan}).status_code == 302
    row = institution.qualifications.get()
    assert (row.scan.content_type, row.checked_at) == ("application/pdf", None)
    scan = SimpleUploadedFile("执照.png", picture(), "image/png")
    url = reverse("institutions:licence_add", args=[institution.pk])
    assert (
        client.post(
            url, {"kind": "business", "number": "1", "issuer": "市场监管局", "scan": scan}
        ).status_code
        == 302
    )
    response = client.get(reverse("institutions:licence_scan", args=[institution.licences.get().pk]))
    assert response.content == picture()
    assert (
        AuditEvent.objects.filter(code=events.SCAN_READ, organisation_id=institution.organisation_id).count()
        == 1
    )
    assert (
        client.post(reverse("institutions:licence_remove", args=[institution.licences.get().pk])).status_code
        == 302
    )
    assert client.post(reverse("institutions:qualification_remove", args=[row.pk])).status_code == 302
    assert not Qualification.objects.filter(institution=institution).exists()
    assert (
        AuditEvent.objects.filter(code__in=[events.LICENCE_REMOVED, events.QUALIFICATION_REMOVED]).count()
        == 2
    )


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4 cut off",
        b"\x89PNG\r\n\x1a\n damaged",
        b"\xff\xd8\xff damaged",
        b"<html>",
        b"%PDF-" + b"x" * (10 * 1024 * 1024),
    ],
    ids=["pdf cut off", "png", "jpg", "html", "too large"],
)
def test_scans_are_checked_by_their_content(data):
    institution = make_institution(state="draft")
    with pytest.raises(Refusal) as refused:
        actions.add_qualification(institution, qualification(), data, "a.pdf", by=head_of(institution))
    assert "scan" in refused.value.fields
    assert not StoredFile.objects.exists()


def test_a_picture_with_too_many_pixels():
    out = io.BytesIO()
    Image.new("1", (8000, 8000)).save(out, "PNG")
    institution = make_institution(state="draft")
    with pytest.raises(Refusal) as refused:
        actions.add_qualification(
            institution, qualification(), out.getvalue(), "a.png", by=head_of(institution)
        )
    assert refused.value.code == "scan_too_large"


def test_certificates_and_who_may_change_them(district):
    institution = make_institution("social", state="draft")
    head = head_of(institution)
    with pytest.raises(Refusal, match="not_a_contractor"):
        actions.add_qualification(institution, qualification(), PDF, "a.pdf", by=head)
    contractor = make_institution(state="draft")
    with pytest.raises(Refusal, match="dates_reversed"):
        actions.add_qualification(
            contractor, qualification(valid_to=date(2021, 1, 1)), PDF, "a.pdf", by=head_of(contractor)
        )
    with pytest.raises(Refusal, match="other_organisation"):
        actions.add_licence(contractor, {}, PDF, "a.pdf", by=head)
    published = make_institution("social")
    with pytest.raises(Conflict):
        actions.remove_licence(published.licences.get(), by=head_of(published))
    vetting = make_institution(state="city_review")
    with pytest.raises(Conflict):
        actions.add_qualification(vetting, qualification(), PDF, "a.pdf", by=head_of(vetting))
    assert Licence.objects.count() == 2
    no_scan = published.licences.get()
    with pytest.raises(Refusal) as refused:
        actions.read_scan(no_scan, by=head)
    assert refused.value.status == 404


@pytest.mark.req("R008")
def test_a_renewed_qualification_opens_no_gate_before_it_is_checked(district):
    from zhupei.institutions.api import require_may_train

    make_user(Role.DISTRICT_OFFICER, district)
    institution = make_institution()
    institution.qualifications.update(valid_to=date(2026, 11, 30))
    new = actions.add_qualification(
        institution, qualification(issued_on=date(2026, 11, 1)), PDF, "a.pdf", by=head_of(institution)
    )
    assert Notice.objects.filter(title__contains=institution.full_name).count() == 1
    with pytest.raises(Refusal, match="qualification_missing"):
        require_may_train(institution, on=date(2026, 12, 1))
    elsewhere = make_actor(Role.DISTRICT_OFFICER, make_organisation("district", division_code="500101"))
    for wrong in (elsewhere, head_of(institution), make_actor(Role.CENTRE_OFFICER)):
        with pytest.raises(Refusal) as refused:
            actions.check_qualification(new, by=wrong)
        assert refused.value.status == 403
    actions.check_qualification(new, by=officer(district))
    require_may_train(institution, on=date(2026, 12, 1))
    with pytest.raises(Conflict, match="already_checked"):
        actions.check_qualification(new, by=office())
