# SPDX-License-Identifier: LGPL-2.1-or-later
"""The forms that a value has, by media type, as strings: what IPython's protocol of _repr_…_ methods says of
it, without IPython."""

import binascii
import json

FORMS_MAX = 12  # of one value
METHODS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_latex_": "text/latex",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
}


def cut(text, maximum):
    """No more than that many characters: of more, the beginning and the end."""
    if len(text) <= maximum:
        return text
    half = maximum // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def clean(text):
    """What can be sent as text: no NUL, and no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "backslashreplace").decode()


def encode(form):
    """A form as a string: bytes as base64, anything that is no text as JSON."""
    if isinstance(form, bytes):
        return binascii.b2a_base64(form, newline=False).decode()
    return clean(form if isinstance(form, str) else json.dumps(form, default=repr))


def encode_all(forms):
    """Those that there are, and no more than a driver may send."""
    return dict([(kind, encode(form)) for kind, form in forms.items() if form is not None][:FORMS_MAX])


def call(value, name, **arguments):
    """What that method says, without metadata; None when there is none or it fails."""
    try:
        form = getattr(value, name)(**arguments)
    except Exception:  # pylint: disable=broad-except; a value that cannot show itself is still a value
        return None
    return form[0] if isinstance(form, tuple) and form else form


def forms_of(value):
    forms = {"text/plain": repr(value)}
    # a class has these methods for its objects, and some objects have any attribute
    if isinstance(value, type) or hasattr(value, "_no_object_has_this_method_"):
        return forms
    for method, kind in METHODS.items():
        if (form := call(value, method)) is not None:
            forms[kind] = form
    bundle = call(value, "_repr_mimebundle_", include=None, exclude=None)
    if isinstance(bundle, dict):
        forms.update(bundle)
    return forms
