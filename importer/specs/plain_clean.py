"""Reads the source of a `clean()` to learn which fields it may change, where that can be proven.

It is proven where `self` never leaves the method, only columns of the instance are read and set, and only functions of
Python and Django are called that know no database. Any other `clean()` may change any field.
"""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from django.db import models
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query_utils import DeferredAttribute

# Builtins that reach an instance or code by another name.
UNTOLD = frozenset(
    "breakpoint compile delattr dir eval exec getattr globals input locals open setattr vars __import__".split()
)
# Modules whose functions and classes neither query nor see an instance.
HARMLESS = frozenset(
    {"django.core.exceptions", "django.core.validators"}
    | {
        f"django.utils.{name}"
        for name in ("dateparse", "encoding", "html", "http", "text", "timezone", "translation")
    }
)
HARMLESS_OF_PYTHON = frozenset(("datetime", "decimal", "math", "re", "string", "unicodedata", "uuid"))


def fields_changed_by_clean(model: type[models.Model]) -> frozenset[str] | None:
    """Return the attributes that a model's `clean()` may set; None if that cannot be told."""
    if model.__setattr__ is not object.__setattr__ or model.__getattribute__ is not object.__getattribute__:
        return None
    columns = {name for f in model._meta.concrete_fields for name in _names(f, model)}
    changed: set[str] = set()
    for cls in model.__mro__:
        if cls is models.Model:
            return frozenset(changed)
        clean = vars(cls).get("clean")
        if clean is None:
            continue
        read = _Read.of(clean)
        if read is None or not read.is_plain(columns):
            return None
        changed |= read.set
        if not read.calls_super:
            return frozenset(changed)
    return None


def _names(field: Any, model: type[models.Model]) -> set[str]:
    """Return the attributes that hold nothing but the column's value: not another instance, and no file."""
    descriptor = inspect.getattr_static(model, field.attname, None)
    if type(descriptor) not in (DeferredAttribute, ForeignKeyDeferredAttribute):
        return set()
    return {field.attname} if field.is_relation else {field.name, field.attname}


def _is_value(found: Any) -> bool:
    if type(found) in (tuple, frozenset):
        return all(map(_is_value, found))
    return type(found) in (str, int, float, bool, type(None))


class _Read:
    """What the source of a method says."""

    def __init__(self, function: ast.FunctionDef, scope: dict[str, Any]) -> None:
        self.function = function
        self.scope = scope
        self.own = function.args.args[0].arg
        self.set: set[str] = set()
        self.calls_super = False
        self.parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}

    @classmethod
    def of(cls, clean: Callable[..., Any]) -> "_Read | None":
        # The source of a wrapper is told to be that of the function within.
        if (
            not inspect.isfunction(clean)
            or hasattr(clean, "__wrapped__")
            or (clean.__closure__ and set(clean.__code__.co_freevars) != {"__class__"})
        ):
            return None
        try:
            (function,) = ast.parse(textwrap.dedent(inspect.getsource(clean))).body
        except (OSError, SyntaxError, TypeError, ValueError):
            return None
        if not isinstance(function, ast.FunctionDef) or function.decorator_list or not function.args.args:
            return None
        return cls(function, clean.__globals__)

    def is_plain(self, columns: set[str]) -> bool:
        """Whether all that it does is known. Notes what it sets, and whether it calls the next `clean()`."""
        known = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global)
        for node in self._nodes():
            if isinstance(node, (*known, ast.Lambda, ast.Nonlocal, ast.Await, ast.Yield, ast.YieldFrom)):
                return False
            if isinstance(node, ast.Name) and not self._is_known(node, columns):
                return False
        return True

    def _nodes(self) -> Iterator[ast.AST]:
        for statement in self.function.body:
            yield from ast.walk(statement)

    def _is_known(self, node: ast.Name, columns: set[str]) -> bool:
        parent = self.parents.get(node)
        if node.id == self.own:
            if not isinstance(parent, ast.Attribute) or parent.attr not in columns:
                return False
            if not isinstance(parent.ctx, ast.Load):
                self.set.add(parent.attr)
            return isinstance(node.ctx, ast.Load)
        if node.id == "super":
            return self._is_super(parent)
        is_local = node.id in self._locals() and node.id not in self.scope
        if not isinstance(node.ctx, ast.Load) or is_local:
            return True
        return self._is_harmless(node.id)

    def _is_super(self, call: ast.AST | None) -> bool:
        """Whether it is `super().clean()`, and nothing else."""
        attribute = self.parents.get(call) if isinstance(call, ast.Call) and not call.args else None
        outer = self.parents.get(attribute) if isinstance(attribute, ast.Attribute) else None
        self.calls_super = isinstance(outer, ast.Call) and getattr(attribute, "attr", "") == "clean"
        return self.calls_super

    def _locals(self) -> set[str]:
        return {
            node.id
            for node in self._nodes()
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        }

    def _is_harmless(self, name: str) -> bool:
        if name not in self.scope:
            return hasattr(builtins, name) and name not in UNTOLD and not name.startswith("_")
        found = self.scope[name]
        if _is_value(found):
            return True
        if inspect.ismodule(found):
            module = found.__name__
        else:
            module = getattr(found, "__module__", None) or type(found).__module__
        return module in HARMLESS or module.partition(".")[0] in HARMLESS_OF_PYTHON
