import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhupei.kernel.names import Problem, check, normalise, private_use, same


@pytest.mark.parametrize("dot", "•‧・．.·･∙⋅")
def test_every_middle_dot_compares_as_one(dot):
    assert normalise(f"阿卜杜拉{dot}买买提") == "阿卜杜拉·买买提"
    assert same(f"阿卜杜拉{dot}买买提", "阿卜杜拉 · 买买提")


def test_spaces_case_and_composition():
    assert normalise(" 张　三 ") == "张三"
    assert same("LI  WEI", "Liwei")
    assert same("ZOË", "Zoe\u0308")
    assert not same("张三", "张叁")


@pytest.mark.parametrize(
    "name", ["张三", "㛃䶮𠮷𪚥", "O'Neil-Smith", "A", "〇一\ue000", "\U000323b0", "阿" * 50]
)
def test_names_that_exist(name):
    assert check(name) == []


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("", [Problem.EMPTY]),
        (" \u3000", [Problem.EMPTY]),
        ("阿" * 51, [Problem.TOO_LONG]),
        ("张\x00三", [Problem.BAD_CHARACTER]),
        ("张\u202e三", [Problem.BAD_CHARACTER]),
        ("张\ufffd", [Problem.BAD_CHARACTER]),
        ("１２3", [Problem.NO_LETTER]),
        ("·--", [Problem.NO_LETTER]),
    ],
)
def test_names_that_do_not(name, problems):
    assert check(name) == problems


def test_private_use():
    assert private_use("张\ue123\U000f0001三") == ["\ue123", "\U000f0001"]
    assert private_use("张三𪚥") == []


@given(st.text())
def test_normal_form_is_stable(text):
    assert normalise(normalise(text)) == normalise(text)
    check(text)
