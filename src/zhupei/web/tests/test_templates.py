"""The pieces that every page is made of: markup, words, masks, forms, vendored files."""

from __future__ import annotations

import re
import runpy
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polib
import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation

from zhupei.kernel.actor import Actor
from zhupei.web import forms as z
from zhupei.web.templatetags import web as tags

WEB = Path(tags.__file__).resolve().parents[1]
ROOT = WEB.parents[2]
PAGES = sorted((WEB / "templates").rglob("*.html"))
STAFF = Actor(user_id=1, name="何晓梅", organisation_id=3, organisation_name="渝建培训学校")
LEARNER = Actor(user_id=2, name="王建国")
NAV = [{"url": f"/{i}", "label": f"入口{i}", "icon": "house", "active": i == 0} for i in range(7)]


@pytest.fixture(autouse=True)
def _chinese():
    with translation.override("zh-hans"):
        yield


def show(source: str, **context) -> str:
    return Template("{% load web i18n %}" + source).render(Context(context))


class Plan(z.ZForm):
    sections = [("班级", ["name", "mode"])]
    name = forms.CharField(label="班级名称", help_text="单位简称和期次")
    mode = forms.ChoiceField(
        label="授课方式", choices=[("a", "面授"), ("b", "网络")], widget=forms.RadioSelect
    )
    hours = forms.DecimalField(label="学时")
    start = z.DateField(label="开班日期", required=False)
    mobile = z.MobileField(label="手机", required=False)
    agree = forms.BooleanField(label="承诺属实")


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────


def test_no_page_carries_script_or_style_of_its_own():
    for page in PAGES:
        text = page.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), page.name
        for script in re.findall(r"<script[^>]*>", text):
            assert "src=" in script, page.name


def test_every_icon_is_in_the_sprite():
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (WEB / "static/web/vendor/icons.svg").read_text()))
    used = set(tags.TONES.values()) | {"hourglass-split", "calendar-event"}
    for page in PAGES:
        used |= set(re.findall(r'{% icon "([^"]+)"', page.read_text()))
    assert used <= sprite


def test_vendored_files_are_as_listed():
    tool = runpy.run_path(str(ROOT / "tools/vendor_assets.py"))
    assert tool["problems"]() == []


@pytest.mark.parametrize("language", ["zh_Hans", "en"])
def test_catalogue_is_complete(language):
    catalogue = polib.pofile(str(WEB / f"locale/{language}/LC_MESSAGES/django.po"))
    assert not catalogue.untranslated_entries()
    assert not catalogue.fuzzy_entries()


@pytest.mark.parametrize("name", ["400", "403", "404", "500"])
def test_error_pages_need_nothing(name):
    html = render_to_string(f"{name}.html")
    assert "<h1>" in html
    assert "回到首页" in html


def test_staff_page_names_organisation_role_and_menu():
    memberships = [{"pk": 1, "organisation": "渝建培训学校", "role_label": "教务主管", "active": True}]
    context = {"actor": STAFF, "nav": NAV, "memberships": memberships, "contrast": True, "large": False}
    html = render_to_string("web/base.html", context)
    assert 'lang="zh-Hans-CN"' in html
    assert 'class="contrast "' in html
    assert "z-staff" in html
    assert "教务主管" in html
    assert html.count('aria-current="page"') == 1
    assert 'href="#main"' in html
    assert "z-tabs" not in html


def test_learner_page_has_four_tabs_and_more():
    html = render_to_string("web/base.html", {"actor": LEARNER, "nav": NAV, "large": True})
    assert "z-learner" in html
    assert 'class="large"' in html
    tabs = html[html.index("z-tabs") :]
    assert tabs.count("<a ") == 5
    assert "更多" in tabs


def test_refusal_names_fact_clause_and_way_out():
    html = render_to_string("web/refusal.html", {"message": "距开班不足 5 个工作日。", "clause": "二（一）3"})
    assert "距开班不足 5 个工作日。" in html
    assert "依据：二（一）3" in html
    assert "data-back" in html


# ── tags ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "tone"),
    [
        ("draft", "draft"),
        ("submitted", "waiting"),
        ("returned", "problem"),
        ("void", "void"),
        ("odd", "neutral"),
    ],
)
def test_state_is_colour_icon_and_word(value, tone):
    html = show("{% state value '退回修改' %}", value=value)
    assert f"z-tone-{tone}" in html
    assert f"#{tags.TONES[tone]}" in html
    assert "退回修改" in html


def test_no_state_has_two_tones():
    words = [word for words in tags._STATES.values() for word in words.split()]
    assert len(words) == len(set(words))


def test_moments_are_shown_in_shanghai():
    moment = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
    assert tags.shanghai(moment) == "2026年11月22日 14:30"
    assert tags.shanghai(moment, "date") == "2026年11月22日"
    assert tags.shanghai(date(2026, 1, 2)) == "2026年1月2日"
    assert tags.shanghai(None) == ""
    with translation.override("en"):
        assert tags.shanghai(moment) == "22 Nov 2026 14:30"


@pytest.mark.parametrize(
    ("left", "words", "tone"),
    [
        (-2, "已超期 2 个工作日", "problem"),
        (0, "今天截止", "problem"),
        (3, "还剩 3 个工作日", "waiting"),
        (9, "还剩 9 个工作日", "neutral"),
    ],
)
def test_deadline(left, words, tone):
    html = show("{% deadline day left True %}", day=date(2026, 9, 29), left=left)
    assert "2026年9月29日" in html
    assert words in html
    assert f"z-tone-{tone}" in html
    assert "（暂定）" in html


def test_masks():
    assert show("{{ v|masked_id }}", v="50010319870412351X") == "500***********351X"
    assert show("{{ v|masked_phone }}", v="13812345678") == "138****5678"
    assert show("{{ v|masked_name }}", v="欧阳建国") == "欧***"
    assert show("{{ v|masked_name }}{{ v|masked_id }}{{ v|masked_phone }}", v=None) == ""


def test_ring_says_in_words_what_it_draws():
    html = show("{% ring value 40 '培训学时' '学时' %}", value=Decimal("22.50"))
    assert 'aria-label="培训学时：22.5 / 40 学时"' in html
    assert "还差 17.5 学时" in html
    assert "已达到" in show("{% ring 9 8 '面授' '学时' %}")
    assert "z-ring-done" not in show("{% ring 0 0 '面授' %}")


def test_query_with_keeps_filters_and_restarts_paging():
    request = RequestFactory().get("/", {"q": "测量", "after": "abc", "sort": "name"})
    query = QueryDict(tags.query_with(Context({"request": request}), sort=None, state="draft")[1:])
    assert query.dict() == {"q": "测量", "state": "draft"}


def test_chart_data_is_numbers_and_cannot_close_its_script():
    chart = {
        "id": "c",
        "title": "</script><b>",
        "categories": ["a"],
        "series": [{"name": "n", "data": [Decimal("1.5")]}],
    }
    html = render_to_string("web/_chart.html", {"chart": chart})
    block = html[html.index('<script type="application/json"') : html.index("</script>")]
    assert "1.5" in block
    assert "<b>" not in html
    assert '<th scope="row">a</th>' in html


def test_table_labels_every_cell_for_phones():
    columns = [{"label": "班级"}, {"label": "人数", "num": True}, {"label": "状态"}, {"label": "截止"}]
    cells = [
        "第 12 期",
        48,
        {"state": "draft", "text": "草稿"},
        {"deadline": date(2026, 9, 29), "workdays_left": 2},
    ]
    html = render_to_string(
        "web/_table.html", {"caption": "班级", "columns": columns, "rows": [{"url": "/1", "cells": cells}]}
    )
    assert '<a href="/1">第 12 期</a>' in html
    assert 'data-label="人数" class="z-num">48' in html
    assert "z-tone-draft" in html
    assert "还剩 2 个工作日" in html


def test_text_is_escaped_everywhere():
    bad = "<b>x</b>"
    entries = [{"at": date(2026, 1, 1), "who": bad, "what": bad, "why": bad}]
    html = render_to_string("web/_timeline.html", {"entries": entries})
    html += render_to_string("web/_facts.html", {"facts": [(bad, bad)]})
    html += render_to_string("web/_empty.html", {"title": bad, "text": bad})
    html += show("{% state bad bad %}{% icon 'bell' bad %}{% ring 1 2 bad bad %}", bad=bad)
    assert bad not in html


def test_confirm_says_what_and_to_whom():
    context = {
        "what": "作废成绩",
        "consequences": ["成绩作废"],
        "to": [("学员", "48 人")],
        "confirm_label": "作废",
        "cancel_url": "/",
    }
    html = render_to_string("web/_confirm.html", context)
    assert "此操作不能撤销。" in html
    assert 'name="confirmed"' in html
    assert "48 人" in html


# ── forms ───────────────────────────────────────────────────────────────────────────────────────────────


def test_errors_stand_beside_the_field_and_at_the_top():
    form = Plan({"name": "", "hours": "x", "mobile": "1380013"})
    html = render_to_string("web/_form.html", {"form": form, "submit_label": "报送计划", "keep": "new"})
    assert '<a href="#id_name">班级名称</a>：请填写。' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_error"' in html
    assert '<fieldset id="id_mode" tabindex="-1" aria-describedby="id_mode_error">' in html
    assert '<a href="#id_mode">' in html
    assert 'value="x"' in html, "what was typed is shown again"
    assert "手机号不对" in html
    assert "data-answered" in html
    assert ">报送计划</button>" in html


def test_limits_are_told_in_plain_words():
    class Limited(z.ZForm):
        reason = forms.CharField(max_length=3)
        least = forms.IntegerField(min_value=1)
        most = forms.IntegerField(max_value=240)

    html = render_to_string(
        "web/_form.html", {"form": Limited({"reason": "太长了吧", "least": "0", "most": "241"})}
    )
    for words in ("最多 3 个字，现有 4 个。请缩短。", "不能小于 1。", "不能大于 240。"):
        assert words in html, words


def test_fields_bring_class_keyboard_and_no_suggestions():
    form = Plan()
    assert 'class="form-control"' in str(form["name"])
    assert 'autocomplete="off"' in str(form["name"])
    assert "required" in str(form["name"])
    assert 'inputmode="decimal"' in str(form["hours"])
    assert 'type="text"' in str(form["hours"])
    assert 'type="date"' in str(form["start"])
    assert 'type="tel"' in str(form["mobile"])
    assert "form-check-input" in str(form["agree"])


def test_sections_and_instance_values():
    form = Plan(instance_values={"name": "第 12 期"})
    titles = [(title, [field.name for field in fields]) for title, fields in form.groups()]
    assert titles == [("班级", ["name", "mode"]), ("", ["hours", "start", "mobile", "agree"])]
    assert 'value="第 12 期"' in str(form["name"])


def test_telephone_fields_clean_to_the_stored_form():
    assert z.MobileField().clean("138 1234 5678") == "13812345678"
    assert z.PhoneField().clean("（023）63601234") == "023-63601234"
    with pytest.raises(forms.ValidationError):
        z.MobileField().clean("023-63601234")
    assert z.MobileField(required=False).clean("") == ""


@pytest.mark.parametrize(
    ("name", "content", "claimed", "code"),
    [
        ("a.pdf", b"%PDF-1.7 x", "application/pdf", None),
        ("A.PDF", b"%PDF-1.7 x", "application/octet-stream", None),
        ("a.exe", b"%PDF-1.7 x", "application/pdf", "kind"),
        ("a.pdf", b"MZ\x90\x00", "application/pdf", "content"),
        ("a.pdf", b"%PDF-1.7 x", "text/html", "content"),
        ("a.pdf", b"%PDF-" + b"x" * 3000, "application/pdf", "size"),
    ],
)
def test_file_field(name, content, claimed, code):
    field = z.FileField(max_bytes=2048)
    upload = SimpleUploadedFile(name, content, claimed)
    if code is None:
        assert field.clean(upload).read() == content
    else:
        with pytest.raises(forms.ValidationError) as refused:
            field.clean(upload)
        assert refused.value.code == code


def test_a_row_is_added_without_script():
    Rows = forms.formset_factory(Plan, extra=1)
    data = QueryDict("rows-TOTAL_FORMS=1&rows-INITIAL_FORMS=0&rows-0-name=abc")
    rows = Rows(z.with_added_row(data, "rows"), prefix="rows")
    html = render_to_string("web/_formset.html", {"formset": rows})
    assert 'name="rows-1-name"' in html
    assert 'value="abc"' in html
    assert 'name="add_row"' in html
    assert "rows-__prefix__-name" in html[html.index("<template>") :]
