"""What is wrong with a message, and what may be: the first can't be saved, the second is said."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from mailer.merge_tags import (
    BARE_EXAMPLE,
    EXAMPLE,
    KNOWN_TAGS,
    RECIPIENT_TAGS,
    Template,
    TemplateProblem,
    compile_template,
)
from mailer.models import Message
from mailer.writing.filling import context_for
from mailer.writing.finish import Finished, finish
from mailer.writing.pictures import named_pictures
from mailer.writing.scanning import Place, line_of, places

CLIPPED_AT = 102 * 1024  # bytes of HTML, at Gmail


@dataclass(frozen=True)
class Checked:
    """What became of a message: its templates, complaints by the field that they are about, and warnings."""

    finished: Finished
    complaints: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def check(message: Message, pictures: Collection[str] = ()) -> Checked:
    """`pictures` are the content ids of what is attached."""
    finished = finish(message.kind, message.subject, message.body, message.alternative)
    is_text = message.kind == message.Kind.TEXT
    about_body = complaints_about(message.body, escape=not is_text)
    complaints = {
        "subject": complaints_about(message.subject, RECIPIENT_TAGS),
        "body": about_body or _about_result(message, finished),
        "alternative": [] if is_text else complaints_about(message.alternative),
    }
    found = {name: texts for name, texts in complaints.items() if texts}
    return Checked(finished, found, [] if found else warnings_about(message, finished, pictures))


def complaints_about(source: str, known: Collection[str] = KNOWN_TAGS, *, escape: bool = False) -> list[str]:
    """Why the template can't be used, with the line; nothing where its tags parse, are known and can be filled in."""
    try:
        template = compile_template(source, escape=escape)
        if unknown := template.unknown_tags(known):
            tags = ", ".join(f"{{{{ {tag} }}}}" for tag in known)
            return [
                _("Unknown merge tags: %(unknown)s. Known are: %(known)s.")
                % {"unknown": ", ".join(unknown), "known": tags}
            ]
        _try(template)
    except TemplateProblem as problem:
        return [told(problem if problem.line else TemplateProblem(str(problem), _line_of(str(problem), source)))]
    return []


def _line_of(problem: str, source: str) -> int | None:
    """The line of the first tag with which the template has this problem; None where it is not one of compiling."""
    try:
        tags = list(places(source))
    except TemplateProblem as unclosed:
        return unclosed.line

    def has_it(place: Place) -> bool:
        try:
            compile_template(source[: place.end])
        except TemplateProblem as found:
            return str(found) == problem
        return False

    first = bisect_left(tags, True, key=has_it)
    return line_of(source, tags[first].start) if first < len(tags) else None


def told(problem: TemplateProblem) -> str:
    if problem.line is None:
        return _("A merge tag does not work: %(problem)s") % {"problem": problem}
    return _("Line %(line)s: %(problem)s") % {"line": problem.line, "problem": problem}


def warnings_about(message: Message, finished: Finished, pictures: Collection[str]) -> list[str]:
    """What should be looked at before it is sent."""
    found = []
    if not message.subject.strip():
        found.append(_("It has no subject."))
    if not _asks_to_unsubscribe(finished):
        found.append(_("It has no unsubscribe link: put {{ unsubscribe_url }} where recipients find it."))
    if finished.html:
        found += _warnings_about_html(finished, pictures)
    return found


def _warnings_about_html(finished: Finished, pictures: Collection[str]) -> list[str]:
    found = []
    if not finished.text.strip():
        found.append(_("It has no plain text: there are no words in the HTML. Write some for who sees no pictures."))
    if finished.left_out:
        names = ", ".join(finished.left_out)
        found.append(_("Left out, since it has no place in a mail: %(names)s.") % {"names": names})
    if missing := [name for name in named_pictures(finished.html) if name not in pictures]:
        found.append(_("Pictures that are not attached: %(names)s.") % {"names": ", ".join(missing)})
    if "data:image/" in finished.html:
        found.append(_("It holds pictures as data: addresses, which Gmail does not show. Attach them instead."))
    if len(finished.html.encode()) > CLIPPED_AT:
        found.append(_("Its HTML is larger than 102 kB: Gmail cuts it off there."))
    return found


def _about_result(message: Message, finished: Finished) -> list[str]:
    """What is wrong with the finished templates though the source is right."""
    if finished.is_overstyled:
        return [
            _(
                "Its style sheets are too much for so many elements: written into each of them, as mail programs "
                "need it, they would grow too large. Use fewer or shorter rules, for classes instead of “*” or tags."
            )
        ]
    if finished.lost:
        lost = finished.lost[0]
        return [
            _(
                "Line %(line)s: the merge tag %(tag)s can't stand there. It can stand in text, and within the value of "
                "an attribute such as href, src or style."
            )
            % {"line": lost.line, "tag": lost.source}
        ]
    made = "" if message.alternative.strip() else finished.text
    for template, escape in ((made, False), (finished.html, True)):
        try:
            _try(compile_template(template, escape=escape))
        except TemplateProblem as problem:
            return [_("Its merge tags do not fit into its HTML: %(problem)s") % {"problem": problem}]
    return []


def _try(template: Template) -> None:
    for example in (EXAMPLE, BARE_EXAMPLE):
        template.render(context_for(example, ""))


def _asks_to_unsubscribe(finished: Finished) -> bool:
    try:
        return all(
            compile_template(source).asks_for("unsubscribe_url")
            for source in (finished.text, finished.html)
            if source.strip()
        )
    except TemplateProblem:
        return False
