"""Signals connected by C++ signature, their surplus arguments cut to what the Python function takes."""

import inspect
import types
from typing import NamedTuple

from PySide6 import QtCore

_get = QtCore.QObject.__getattribute__
_connect = QtCore.QObject.connect
_disconnect = QtCore.QObject.disconnect
_RECORD = "_pythonqt_connections"


class Connection(NamedTuple):
    """Key that `disconnect` finds a connection by."""

    signature: str
    function: object
    handle: QtCore.QMetaObject.Connection


class BoundSignal:
    """Signal that `widget.clicked` gives: it can be connected, disconnected, and called to emit."""

    def __init__(self, sender, attribute):
        self._sender = sender
        self._attribute = attribute

    def connect(self, function):
        return connect(self._sender, self._signature(), function)

    def disconnect(self, function=None):
        return disconnect(self._sender, self._signature(), function)

    def emit(self, *arguments):
        """With all its arguments where it has defaults, such as the False of clicked(bool)."""
        signature = self._signature()
        signal = _get(self._sender, self._attribute)
        if signature not in cpp_signals(self._sender) and len(arguments) == len(types_of(signature)) > 0:
            signal = signal[",".join(types_of(signature))]
        signal.emit(*arguments)

    __call__ = emit

    def _signature(self) -> str:
        return _signature_of(self._sender, self._attribute)


def connect(sender, signal, function, *rest):
    """`sender.connect("clicked(bool)", function)`; an unknown signal is a ValueError, where PythonQt only warns."""
    if isinstance(signal, QtCore.QObject):  # QTimer.singleShot gives the sender twice
        return _connect(signal, function, *rest)
    if rest or not isinstance(signal, str):
        return _connect(sender, signal, function, *rest)
    signature = normalized(signal)
    handle = _connect_checked(sender, signature, fitted(function))
    vars(sender).setdefault(_RECORD, []).append(Connection(signature, function, handle))
    return True


def disconnect(sender, signal, function=None, *rest):
    """Undo `connect`; True if there was such a connection."""
    if rest or not isinstance(signal, str):
        return _disconnect(sender, signal, function, *rest)
    record = vars(sender).get(_RECORD, [])
    signature = normalized(signal)
    _check(sender, signature)
    found = [c for c in record if c.signature == signature and function in (None, c.function)]
    for connection in found[: None if function is None else 1]:
        _disconnect(connection.handle)
        record.remove(connection)
    return bool(found)


def fitted(function):
    """The function behind a wrapper that drops the arguments it does not take, as its co_argcount says."""
    wanted = _argument_count(function)
    if wanted is None:
        return function

    def slot(*arguments):
        return function(*arguments[:wanted])

    return slot


def types_of(signature: str) -> list[str]:
    return [name for name in signature.partition("(")[2].rstrip(")").split(",") if name]


def normalized(signature: str) -> str:
    return QtCore.QMetaObject.normalizedSignature(signature).data().decode()


def cpp_signals(sender) -> dict[str, str]:
    """Signals of a stand-in whose C++ arguments PySide6 cannot name, to the attribute that emits them."""
    return getattr(type(sender), "CPP_SIGNALS", {})


def _argument_count(function) -> int | None:
    """None where everything is passed on: *args, and callables that are no Python functions."""
    if isinstance(function, BoundSignal):
        return len(types_of(function._signature()))
    bound = isinstance(function, types.MethodType)
    code = getattr(function.__func__ if bound else function, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS:
        return None
    return code.co_argcount - bound


def _connect_checked(sender, signature, slot):
    _check(sender, signature)
    attribute = cpp_signals(sender).get(signature)
    if attribute:
        return _get(sender, attribute).connect(slot)
    return _connect(sender, f"2{signature}", slot)  # the digit is what Qt's SIGNAL macro prepends


def _check(sender, signature):
    known = signature in cpp_signals(sender) or sender.metaObject().indexOfSignal(signature) >= 0
    if not known or "PyObject" in signature:
        msg = f"{sender.metaObject().className()} has no signal {signature}"
        raise ValueError(msg)


def _signature_of(sender, attribute) -> str:
    for signature, emitter in cpp_signals(sender).items():
        if emitter == attribute:
            return signature
    meta = sender.metaObject()
    methods = (meta.method(index) for index in range(meta.methodCount()))
    signals = (m for m in methods if m.methodType() == QtCore.QMetaMethod.MethodType.Signal)
    return next(s.methodSignature().data().decode() for s in signals if s.name().data().decode() == attribute)
