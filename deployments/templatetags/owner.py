"""``{% say "given.title" %}``: a sentence of the owner's page in the language of the page."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def say(context: template.Context, key: str, bold: str = "", **values: Any) -> SafeString:
    """Return the sentence, values escaped; those named in ``bold`` stand out."""
    found: SafeString = context["texts"].markup(key, bold, **values)
    return found
