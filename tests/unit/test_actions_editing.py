"""Whether a letter says more than its template."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actions.editing import forms_of, is_edited, normal_form

ENGLISH = "Dear Minister,\n\nI ask you to release Idris Khattak.\n\nYours respectfully"
URDU = "محترم وزیر،\n\nمیری آپ سے درخواست ہے کہ ادریس خٹک کو رہا کیا جائے۔"
ARABIC = "معالي الوزير، أطلب منكم الإفراج عن إدريس ختك."
CHINESE = "尊敬的部长：\n\n请释放伊德里斯·哈塔克。"
TEMPLATES = [ENGLISH, URDU, ARABIC, CHINESE]
FORMS = forms_of(TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_as_it_stands_is_not_edited(template: str) -> None:
    assert not is_edited(template, FORMS)


@pytest.mark.parametrize(
    "body",
    [
        ENGLISH.replace("\n\n", "\r\n  \r\n"),
        "  " + ENGLISH.replace(" ", "\u00a0") + "\n\n",
        ENGLISH.upper() + "!!!",
        ENGLISH.replace("Idris", "I\u200bdris"),
        ENGLISH.replace("Dear", "Ｄｅａｒ"),
        URDU.replace(" ", "\u200c "),
        ARABIC.replace("الوزير", "الوَزير"),
        CHINESE.replace("\n\n", "").replace("：", ": "),
        CHINESE.replace("释放", "释\n放"),
    ],
)
def test_another_spacing_punctuation_or_unicode_form_is_no_edit(body: str) -> None:
    assert not is_edited(body, FORMS)


@pytest.mark.parametrize(
    "body",
    [
        ENGLISH + "\n\nI am a teacher in Leeds.",
        ENGLISH.replace("release", "free"),
        URDU.replace("رہا", "آزاد"),
        CHINESE.replace("释放", "帮助"),
        "",
    ],
)
def test_other_words_are_an_edit(body: str) -> None:
    assert is_edited(body, FORMS)


def test_without_a_template_every_letter_is_peoples_own() -> None:
    assert is_edited(ENGLISH, forms_of([]))


words = st.lists(st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=8), max_size=30)
gaps = st.text(st.sampled_from(" \t\n\u00a0\u2003\u3000.,;:!?-–—“”«»،۔。"), min_size=1, max_size=3)


@given(words, st.data())
def test_what_stands_between_words_changes_nothing(written: list[str], data: Any) -> None:
    gapped = "".join(word + data.draw(gaps) for word in written)
    assert normal_form(gapped) == normal_form(" ".join(written))
