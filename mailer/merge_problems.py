"""What Liquid says of a template that it can't use, for its writer's language."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from mailer.phrasebook import Phrasebook

LIQUIDS = Phrasebook(
    gettext_noop("missing expression"),
    gettext_noop("missing or unexpected path segment"),
    gettext_noop("unbalanced parentheses"),
    gettext_noop("loop iteration limit reached"),
    gettext_noop("expected a primitive expression, found end of expression"),
    gettext_noop("expected word, found end of expression"),
    gettext_noop("expected tag %(tag)s, found end of expression"),
    gettext_noop("expected end of expression, found word"),
    gettext_noop("expected end of expression, found %(found)s"),
    gettext_noop("expected %(wanted)s, found end of expression"),
    gettext_noop("expected a primitive expression, found %(found)s"),
    gettext_noop("expected a comma separated list of arguments, found %(found)s"),
    gettext_noop("expected %(wanted)s, found %(found)s"),
    gettext_noop("unexpected tag 'end of expression'"),
    gettext_noop("unexpected tag '%(tag)s'"),
    gettext_noop("unexpected '%(found)s'"),
    gettext_noop('unexpected "%(found)s"'),
    gettext_noop("unknown operator '%(operator)s'"),
    gettext_noop("%(tag)s tag was never closed"),
    gettext_noop("%(filter)s: missing a required argument: '%(argument)s'"),
    gettext_noop("%(filter)s: too many positional arguments"),
    gettext_noop("%(filter)s: got an unexpected keyword argument '%(argument)s'"),
    gettext_noop("%(filter)s: can't divide by %(number)s"),
    gettext_noop("%(filter)s expected an integer, found %(found)s"),
)
