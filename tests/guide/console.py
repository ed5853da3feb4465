"""A Python console: programs are run statement by statement, and the values of expressions are printed."""
import ast
import contextlib
import io
import sys
import traceback
from unittest import mock


def run(source, namespace, filename):
    """What a program prints in a console with those names, up to and with the exception that ends it."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), mock.patch.object(sys, "displayhook", _show):
        try:
            for statement in ast.parse(source, filename).body:
                exec(compile(ast.Interactive([statement]), filename, "single"), namespace)
        except Exception as error:
            namespace["error"] = error
            print("".join(traceback.format_exception(error)))
    return printed.getvalue()


def _show(value):
    if value is not None:
        print(repr(value))
