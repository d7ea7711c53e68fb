"""The Russian catalog has all that the sources say, in good order, and is compiled."""

from __future__ import annotations

import gettext
import io
from typing import Any

import pytest
from babel.messages.catalog import Message
from django.apps import apps
from django.utils import translation
from django.utils.translation import ngettext

from tests.support import catalog
from tests.support.visible import latin_words


def keys(messages: Any) -> set[tuple[Any, Any]]:
    return {(message.id, message.context) for message in messages if message.id}


def compiled(mo: bytes) -> dict[Any, str]:
    texts: dict[Any, str] = gettext.GNUTranslations(io.BytesIO(mo))._catalog  # type: ignore[attr-defined]
    return {key: text for key, text in texts.items() if key}


def test_it_has_every_string_of_the_sources_and_no_other() -> None:
    translated = catalog.translated()
    wanted = keys(catalog.extracted()) | keys(catalog.borrowed(translated))
    assert len(wanted) > 300
    assert keys(translated) == wanted, "`make messages` brings the catalog up to date"


def test_every_string_has_its_russian() -> None:
    assert [fault for message in catalog.translated() if message.id for fault in catalog.faults(message)] == []


def test_nothing_is_said_by_itself_that_is_kept_with_its_plural() -> None:
    """Python 3.11.2, as Debian has it, finds it only with a number."""
    assert catalog.said_with_and_without_a_number() == set()


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (Message("Hello", ""), "'Hello' lacks its Russian"),
        (Message("Hello", "Привет", flags=["fuzzy"]), "'Hello' is fuzzy"),
        (Message("%(n)s of {s}", "%(n)s из"), "'%(n)s of {s}' has other placeholders"),
        (Message(("%(n)s mail", "%(n)s mails"), ("%(n)s письмо", "", "писем")), "'%(n)s mails' lacks its Russian"),
        (Message("<b>one</b>", "<b>один"), "'<b>one</b>' has other placeholders"),
    ],
)
def test_it_would_tell(message: Message, fault: str) -> None:
    assert fault in catalog.faults(message)


def test_it_reads_templates_and_python_alike(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "ROOT", tmp_path)
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "a.py").write_text("def f():\n    return ngettext('%(n)s mail', '%(n)s mails', 2)\n")
    (tmp_path / "core" / "b.html").write_text(
        "{% if x %}\n  it's {% translate 'one' context 'way' %}\n"
        "{% blocktranslate %}100 % of {{ n }}{% endblocktranslate %}"
    )
    found = {(("%(n)s mail", "%(n)s mails"), None), ("one", "way"), ("100 %% of %(n)s", None)}
    assert keys(catalog.extracted()) == found


def test_the_compiled_catalog_is_that_of_the_source() -> None:
    assert compiled(catalog.MO.read_bytes()) == compiled(catalog.as_mo(catalog.translated())), "run `make messages`"


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (1, "Добавлен 1 получатель."),
        (2, "Добавлено 2 получателя."),
        (5, "Добавлено 5 получателей."),
        (11, "Добавлено 11 получателей."),
        (21, "Добавлен 21 получатель."),
    ],
)
def test_it_counts_as_russians_do(n: int, text: str) -> None:
    with translation.override("ru"):
        assert ngettext("%(n)s recipient added.", "%(n)s recipients added.", n) % {"n": n} == text


def test_every_model_and_field_has_a_russian_name() -> None:
    with translation.override("ru"):
        names = {
            f"{model.__name__}.{getattr(field, 'name', '')}": str(getattr(field, "verbose_name", ""))
            for label in ("core", "mailer")
            for model in apps.get_app_config(label).get_models()
            for field in [model._meta, *model._meta.fields, *model._meta.many_to_many]
        }
    assert [name for name, told in names.items() if latin_words(told) - {"ID"}] == []
