"""Short ways to write the properties of a stand-in, known to Qt's meta-object so that a .ui can set them."""

from PySide6 import QtCore


def kept(kind, name, default, changed=None):
    """A property that the widget keeps itself; the method named `changed` hears of a new value."""
    field = f"_{name}"

    def get(self):
        return vars(self).get(field, default)

    def put(self, value):
        if value != get(self):
            vars(self)[field] = value
            if changed:
                getattr(self, changed)()

    return QtCore.Property(kind, get, put)


def passed_on(kind, child, name, convert=lambda value: value, changed=None):
    """A property that is really one of the child kept in the field `child`."""

    def get(self):
        return getattr(getattr(self, child), name)

    def put(self, value):
        setattr(getattr(self, child), name, convert(value))
        if changed:
            getattr(self, changed)()

    return QtCore.Property(kind, get, put)


def setters(cls):
    """Class decorator: every property `value` gets its `setValue`, as it has in C++, unless the class wrote one."""
    for name, declared in list(vars(cls).items()):
        setter = f"set{name[0].upper()}{name[1:]}"
        if type(declared) is QtCore.Property and declared.fset and setter not in vars(cls):
            setattr(cls, setter, lambda self, value, put=declared.fset: put(self, value))
    return cls
