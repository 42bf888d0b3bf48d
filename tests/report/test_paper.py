"""What the configuration may say of the paper, and how characters of any script are printed."""

import pytest

from hsokv.analysis.numbers import Numbers
from hsokv.exceptions import ConfigurationError
from hsokv.report import paper as module
from hsokv.report.characters import command_of, escape, printable, unprintable
from hsokv.report.paper import check_paper

from .made import PAPER, made_up

BENCHMARKS = {"sst2": {"conditions": {"shots16": {}}, "controls": ["chance"]}}


@pytest.fixture(autouse=True)
def every_font(monkeypatch):
    monkeypatch.setattr(module, "has_tex", lambda: False)


def test_names_of_many_scripts_are_taken():
    check_paper(
        PAPER | {"title": "王伟, 田中さん, 한국어, Жук and Γιώργος", "abstract": "CIFAR-10, SST-2 and MiniLM-L6-v2."}
    )


@pytest.mark.parametrize("title", ["שלום", "नमस्ते", "a\x07b", "😀"])
def test_a_name_that_no_font_has_is_refused_by_name(title):
    for change, key in (({"title": title}, r"paper\.title"), ({"authors": [{"name": title}]}, r"authors\[0\]\.name")):
        with pytest.raises(ConfigurationError, match=key):
            check_paper(PAPER | change)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("{headlin}", "headline"),
        ("{sst3.headline.full.accuracy}", "sst2"),
        ("{sst2.headlin.full.accuracy}", "headline"),
        ("{sst2.shots16.ful.accuracy}", "full"),
        ("{sst2.shots16.full.acuracy.low}", "accuracy"),
        ("{ablatoin.difference}", "ablation"),
        *((word, "typed by hand") for word in ("63.4", "10-fold", "95%", "n=5", "+2")),
    ],
)
def test_a_number_of_no_known_words_or_typed_by_hand_is_refused_before_any_run(words, match):
    with pytest.raises(ConfigurationError, match=match):
        check_paper(PAPER | {"abstract": f"We {words} ask."}, ["study", "ablation"], BENCHMARKS, ["full", "ridge"])


def test_every_number_of_a_study_can_stand_in_an_abstract():
    study = made_up()
    known = {"study", "criteria", "cartpole", *study.contrasts["name"]}
    abstract = " ".join(f"{{{key}}}" for key in Numbers(study))
    check_paper(PAPER | {"abstract": abstract}, known, study.about["benchmarks"], study.about["arms"])


def test_tex_without_a_font_for_a_name_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "has_tex", lambda: True)
    monkeypatch.setattr(module, "has_file", lambda name: False)
    with pytest.raises(ConfigurationError, match="texlive-lang"):
        check_paper(PAPER | {"title": "王伟"})


def test_characters_have_a_command_print_alike_or_are_told_by_their_code_point():
    letters = [chr(code) for block in ((0xC0, 0x17F), (0x1EA0, 0x1EFA)) for code in range(*block)]
    assert [letter for letter in letters if not command_of(letter) and letter not in "ſŉ"] == []
    assert printable("Jose\u0301") == printable("José")
    assert (printable("שa"), unprintable("שa")) == (("[U+05E9]\\allowbreak{}a", []), "ש")


@pytest.mark.parametrize("text", ["3.0e-5", "-2.1e9", "a-1", "--", "{}$%#&_^~\\|<>\"'`"])
def test_escaped_text_has_balanced_mathematics(text):
    latex = escape(text)
    assert latex.replace(r"\$", "").count("$") % 2 == 0
    assert "$-$" not in latex.split("^{")[-1] or "^{" not in latex
