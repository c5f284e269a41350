"""One's own data: masked, corrected, photo, consents, export."""

import io
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from tests.makers import as_actor, make_actor, make_learner, make_person
from tests.makers import sign_in as sign_in_user

from zhupei.audit.api import events_on
from zhupei.evidence.models import StoredFile
from zhupei.kernel.actor import SYSTEM
from zhupei.kernel.errors import Conflict, Forbidden, Refusal
from zhupei.kernel.roles import Role
from zhupei.notices.models import Notice
from zhupei.notices.senders import Memory
from zhupei.people import actions, photos, throttle
from zhupei.people.api import freeze_photo, has_consent, photo_bytes, set_photo
from zhupei.people.consents import TEXTS, ConsentText
from zhupei.people.models import Consent
from zhupei.people.photos import normalise_photo

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def learner(client):
    person, user = make_learner("王小明", phone="13911111111")
    sign_in_user(client, user)
    return person


def picture(size=(800, 1100), form="JPEG", mode="RGB", **options):
    out = io.BytesIO()
    Image.new(mode, size, "teal" if mode == "RGB" else 0).save(out, form, **options)
    return out.getvalue()


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_number_is_masked_until_shown_and_showing_is_recorded(client, learner):
    page = client.get("/me/").content.decode()
    assert learner.identity_number not in page
    assert learner.identity_number[-4:] in page
    assert "13911111111" not in page
    assert client.get("/me/number/").status_code == 405
    assert learner.identity_number in client.post("/me/number/").content.decode()
    assert "people.own_unmasked" in [e.code for e in events_on(learner)]
    with pytest.raises(Forbidden):
        actions.show_own_number(learner, by=as_actor(make_learner()[1]))


def test_a_learner_without_record_is_told_so(client):
    from tests.makers import make_user

    assert sign_in_user(client, make_user(Role.LEARNER)).get("/me/").status_code == 404


def test_education_and_employer_are_edited(client, learner):
    assert client.get("/me/edit/").status_code == 200
    assert client.post("/me/edit/", {"education": "diploma"}).status_code == 422
    assert client.post("/me/edit/", {"education": "college", "employer": "重庆某建筑公司"}).status_code == 302
    learner.refresh_from_db()
    assert (learner.education, learner.employer) == ("college", "重庆某建筑公司")
    client.post("/me/edit/", {"education": "college", "employer": "重庆某建筑公司"})
    assert [e.code for e in events_on(learner)].count("people.edited") == 1
    with pytest.raises(Forbidden):
        actions.edit_own(learner, education="", employer="", by=make_actor(Role.REGISTRAR))


@pytest.mark.req("I10")
def test_the_mobile_changes_with_code_and_password_and_the_old_one_is_told(client, learner):
    url = "/me/mobile/"
    assert client.get(url).status_code == 200
    assert client.post(url, {"send_code": "1", "phone": "1"}).status_code == 422
    assert client.post(url, {"send_code": "1", "phone": "13911111111"}).status_code == 409
    assert client.post(url, {"send_code": "1", "phone": "13822222222"}).status_code == 200
    phone, text = Memory.sent[-1]
    assert phone == "13822222222"
    data = {"phone": "13822222222", "code": re.search(r"\d{6}", text)[0], "password": "x"}
    assert client.post(url, data | {"password": "y"}).status_code == 422
    assert client.post(url, data | {"code": "000000"}).status_code == 422
    assert client.post(url, data | {"phone": "13833333333"}).status_code == 422
    assert client.post(url, {"phone": "13822222222"}).status_code == 422
    assert client.post(url, data).status_code == 302
    learner.refresh_from_db()
    assert learner.phone == learner.user.phone == "13822222222"
    assert Memory.sent[-1][0] == "13911111111"
    assert "138****2222" in Memory.sent[-1][1]
    assert Notice.objects.filter(user=learner.user, kind="people.phone_changed").count() == 1
    assert "people.phone_changed" in [e.code for e in events_on(learner)]
    stranger = as_actor(make_learner()[1])
    with pytest.raises(Forbidden):
        actions.change_phone(learner, "13844444444", "123456", "x", by=stranger)
    with pytest.raises(Forbidden):
        actions.send_phone_code(learner, "13844444444", by=stranger)


def test_guessing_the_password_is_bounded(client, learner):
    for _i in range(10):
        client.post("/me/mobile/", {"phone": "13822222222", "code": "123456", "password": "y"})
    answer = client.post("/me/mobile/", {"phone": "13822222222", "code": "123456", "password": "x"})
    assert answer.status_code == 429
    throttle.forget()


# ── photo ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_photo_is_brought_into_one_form(client, learner):
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    exif[0x0112] = 6  # lies on its side
    data = picture((1100, 800), exif=exif)
    assert client.get("/me/photo/").status_code == 200
    assert client.get("/me/photo/image/").status_code == 404
    answer = client.post("/me/photo/", {"photo": SimpleUploadedFile("a.jpg", data, "image/jpeg")})
    assert answer.status_code == 302
    learner.refresh_from_db()
    kept = photo_bytes(learner)
    image = Image.open(io.BytesIO(kept))
    assert image.format == "JPEG"
    assert image.size[0] <= 413
    assert image.size[1] <= 579
    assert image.size[0] < image.size[1]
    assert not image.getexif()
    assert b"secret place" not in kept
    assert client.get("/me/photo/image/").content == kept
    assert StoredFile.objects.get().retention == "personal"
    assert "/me/photo/image/" in client.get("/me/").content.decode()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1"])
def test_png_of_every_mode_is_taken(mode):
    image = Image.open(io.BytesIO(normalise_photo(picture((413, 579), "PNG", mode))))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (413, 579))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xd8\xff" + b"x" * 100, "photo_unreadable"),
        (b"", "photo_unreadable"),
        (picture()[:2000], "photo_unreadable"),
        (picture(form="GIF"), "photo_unreadable"),
        (picture((294, 600)), "photo_too_small"),
        (picture((7000, 7000), "PNG", "1"), "photo_too_large"),
        (picture((20000, 20000), "PNG", "1"), "photo_unreadable"),  # Pillow's own guard against bombs
        (b"\xff\xd8\xff" + bytes(photos.MAX_BYTES), "photo_too_large"),
    ],
    ids=["junk", "empty", "cut", "gif", "small", "pixels", "bomb", "bytes"],
)
def test_what_is_no_such_photo_is_refused(data, code):
    with pytest.raises(Refusal) as refused:
        normalise_photo(data)
    assert refused.value.code == code
    assert list(refused.value.fields) == ["photo"]


def test_the_page_refuses_other_files(client, learner):
    for name, data in (("a.pdf", b"%PDF-1.7"), ("a.jpg", b"%PDF-1.7"), ("a.jpg", b"\xff\xd8\xff junk")):
        answer = client.post("/me/photo/", {"photo": SimpleUploadedFile(name, data, "image/jpeg")})
        assert answer.status_code == 422
    learner.refresh_from_db()
    assert learner.photo is None


def test_a_frozen_photo_stays(client, learner):
    set_photo(learner, picture(), by=SYSTEM)
    freeze_photo(learner, by=SYSTEM)
    freeze_photo(learner, by=SYSTEM)
    assert [e.code for e in events_on(learner)].count("people.photo_frozen") == 1
    with pytest.raises(Conflict) as refused:
        set_photo(learner, picture((500, 700)), by=SYSTEM)
    assert refused.value.code == "photo_frozen"
    upload = SimpleUploadedFile("a.jpg", picture((500, 700)), "image/jpeg")
    assert client.post("/me/photo/", {"photo": upload}).status_code == 409
    assert '<input type="file"' not in client.get("/me/photo/").content.decode()


def test_whose_photo_who_may_set():
    person = make_person()
    for role in (Role.REGISTRAR, Role.CENTRE_OFFICER):
        set_photo(person, picture(), by=make_actor(role))
    for by in (make_actor(Role.TEACHER), as_actor(make_learner()[1])):
        with pytest.raises(Forbidden):
            set_photo(person, picture(), by=by)
    with pytest.raises(Forbidden):
        freeze_photo(person, by=as_actor(make_learner()[1]))


# ── consents ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_consent_is_given_and_withdrawn_by_its_owner(client, learner):
    assert not has_consent(learner, "face")
    assert client.post("/me/consents/face/withdraw/").status_code == 409
    for _i in range(2):
        assert client.post("/me/consents/face/give/").status_code == 302
    assert has_consent(learner, "face")
    assert Consent.objects.filter(person=learner, purpose="face").count() == 1
    assert client.get("/me/consents/face/withdraw/").status_code == 200
    assert has_consent(learner, "face")
    assert client.post("/me/consents/face/withdraw/").status_code == 302
    assert not has_consent(learner, "face")
    assert client.post("/me/consents/face/give/").status_code == 302
    assert Consent.objects.filter(person=learner, purpose="face").count() == 2
    assert client.post("/me/consents/marketing/give/").status_code == 404
    stranger = as_actor(make_learner()[1])
    for act in (actions.give_consent, actions.withdraw_consent):
        with pytest.raises(Forbidden):
            act(learner, "face", by=stranger)


def test_the_texts_are_open_to_all(client):
    page = client.get("/me/consents/face/").content.decode()
    assert TEXTS["face"].version in page
    assert client.get("/me/consents/nothing/").status_code == 404


def test_a_new_text_asks_again(client, learner, monkeypatch):
    client.post("/me/consents/face/give/")
    old = TEXTS["face"]
    new = ConsentText(old.purpose, "2027-01", old.title, old.paragraphs, old.after_withdrawal)
    monkeypatch.setitem(TEXTS, "face", new)
    assert not has_consent(learner, "face")
    assert client.post("/me/consents/face/give/").status_code == 302
    assert has_consent(learner, "face")
    first, second = Consent.objects.filter(person=learner, purpose="face").order_by("pk")
    assert first.withdrawn_at is not None
    assert (first.text_version, second.text_version) == (old.version, "2027-01")


# ── export ──────────────────────────────────────────────────────────────────────────────────────────────


def test_all_own_data_are_taken_away(client, learner):
    from tests.makers import make_hours, make_rulebook

    make_rulebook()
    make_hours(7, learner, 8)
    stranger, _user = make_learner()
    make_hours(8, stranger, 4)
    answer = client.post("/me/export/")
    assert answer["Content-Disposition"].startswith("attachment")
    data = json.loads(answer.content)
    assert data["person"]["identity_number"] == learner.identity_number
    assert data["person"]["consents"][0]["purpose"] == "account"
    assert [e["hours"] for e in data["hours"]["entries"]] == ["8.00"]
    assert stranger.identity_number not in answer.content.decode()
    assert "people.exported" in [e.code for e in events_on(learner)]
    assert client.get("/me/export/").status_code == 405
    with pytest.raises(Forbidden):
        actions.export_own(learner, by=make_actor(Role.CENTRE_OFFICER))


def test_the_page_says_how_long_records_are_kept(client, learner):
    page = client.get("/me/", headers={"accept-language": "en"}).content.decode()
    assert page.count("data-label=") >= 8
