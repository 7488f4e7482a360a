"""Qt properties as Python attributes, and no other attributes on C++ objects, as PythonQt has it."""

import weakref
from typing import NamedTuple

from PySide6 import QtCore

_bare_classes = weakref.WeakSet()
_tables = weakref.WeakKeyDictionary()
_set_property = QtCore.QObject.setProperty
_property = QtCore.QObject.property


class Property(NamedTuple):
    """A Q_PROPERTY with the native functions behind it; None where only the meta-object knows it."""

    name: str
    getter: object
    setter: object
    writable: bool


def is_native(cls) -> bool:
    return cls.__module__.startswith("PySide6.")


def bare(cls):
    """Class decorator: treat this Python class as a C++ class, which takes no new attributes."""
    _bare_classes.add(cls)
    return cls


def is_bare(cls) -> bool:
    return is_native(cls) or cls in _bare_classes


def table(cls) -> dict:
    """The properties of a class by name; what a Python subclass defines itself is left alone."""
    found = _tables.get(cls)
    if found is None:
        found = _tables[cls] = _build_table(cls)
    return found


def read(prop: Property, obj):
    return _bind(prop.getter, obj)() if prop.getter else _property(obj, prop.name)


def write(prop: Property, obj, value):
    """Assign as PythonQt does: what the setter refuses is an AttributeError."""
    if not prop.writable:
        msg = f"property '{prop.name}' of {type(obj).__name__} is not writable"
        raise AttributeError(msg)
    try:
        accepted = _bind(prop.setter, obj)(value) is None if prop.setter else _set_property(obj, prop.name, value)
    except TypeError as error:
        accepted, cause = False, error
    else:
        cause = None
    if not accepted:
        msg = f"property '{prop.name}' of {type(obj).__name__} does not accept {value!r}"
        raise AttributeError(msg) from cause


def missing(obj, name):
    """`__getattr__`: dynamic properties and named children are attributes, too."""
    if not name.startswith("__"):
        if name in dynamic_names(obj):
            return _property(obj, name)
        for child in QtCore.QObject.children(obj):
            if child.objectName == name:
                return child
    msg = f"{type(obj).__name__} has no attribute named '{name}'"
    raise AttributeError(msg)


def assign(obj, name, value):
    """`__setattr__`: properties first, then what Python classes declare; C++ objects take nothing new."""
    cls = type(obj)
    prop = table(cls).get(name)
    if _is_pysides_own(name, value):
        vars(obj)[name] = value
    elif prop:
        write(prop, obj, value)
    else:
        _assign_undeclared(obj, cls, name, value)


def dynamic_names(obj) -> list[str]:
    return [name.data().decode() for name in QtCore.QObject.dynamicPropertyNames(obj)]


def _is_pysides_own(name, value) -> bool:
    """PySide6 keeps bound signals in the object, and QUiLoader the children of a form by their names."""
    is_child = isinstance(value, QtCore.QObject) and value.objectName == name
    return is_child or type(value) is QtCore.SignalInstance


def _assign_undeclared(obj, cls, name, value):
    owner = _owner(cls, name)
    declared = vars(owner)[name] if owner else None
    if type(declared) is QtCore.Property:  # it has no __set__ of its own
        _assign_declared(obj, name, declared, value)
    elif hasattr(type(declared), "__set__"):
        type(declared).__set__(declared, obj, value)
    elif not is_bare(cls) or _is_private_field(owner, declared):
        vars(obj)[name] = value
    elif name in dynamic_names(obj):
        _set_property(obj, name, value)
    else:
        msg = f"'{name}' does not exist on {cls.__name__}, and C++ objects take no new attributes"
        raise AttributeError(msg)


def _assign_declared(obj, name, declared, value):
    if declared.fset is None:
        msg = f"property '{name}' of {type(obj).__name__} is not writable"
        raise AttributeError(msg)
    declared.fset(obj, value)


def _is_private_field(owner, declared) -> bool:
    """Stand-ins announce the fields they keep by a default in the class body."""
    return owner is not None and not is_native(owner) and not callable(declared)


def _build_table(cls) -> dict:
    meta = cls.staticMetaObject
    properties = [meta.property(index) for index in range(meta.propertyCount())]
    found = {
        p.name(): Property(p.name(), _getter(cls, p.name()), _native(cls, f"set{_capital(p.name())}"), p.isWritable())
        for p in properties
        if not _is_python(cls, p.name())
    }
    if "objectName" in found:
        found.setdefault("name", found["objectName"])
    return found


def _getter(cls, name):
    candidates = (name, f"is{_capital(name)}", f"has{_capital(name)}")
    return next((function for c in candidates if (function := _native(cls, c))), None)


def _native(cls, name):
    owner = _owner(cls, name)
    found = vars(owner)[name] if owner is not None and is_native(owner) else None
    return None if type(found) is QtCore.Signal else found  # isinstance() would crash PySide6


def _is_python(cls, name) -> bool:
    owner = _owner(cls, name)
    return owner is not None and not is_native(owner)


def _owner(cls, name):
    return next((base for base in cls.__mro__ if name in vars(base)), None)


def _bind(function, obj):
    return function.__get__(obj, type(obj)) if hasattr(function, "__get__") else function


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]
