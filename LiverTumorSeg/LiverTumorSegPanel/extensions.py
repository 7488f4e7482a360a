"""An extension of Slicer that is missing: offered from the Extensions Manager's server, and ready after a restart."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import slicer
from slicer.i18n import tr as _

from LiverTumorSegLib.core.errors import UserError

from .texts import plain


def offer(name: str) -> None:
    """Install an extension if the user wants it, and restart Slicer if the user wants that.

    Raises:
        UserError: what the user has to do next; always, since Slicer finds an extension when it starts.
    """
    model = _model()
    if model is None:
        raise UserError(_byHand(name))
    if _isInstalled(model, name):
        raise UserError(_restartFirst(name))
    question = _("This needs Slicer's extension {name}, which is not here. Install it from Slicer's server?")
    if not slicer.util.confirmYesNoDisplay(plain(question.format(name=name))):
        raise UserError(_("Nothing was installed: press the button again when you are ready."))
    if not _install(model, name):
        raise UserError(_byHand(name))
    question = _("The extension {name} is installed, and ready after a restart. Restart Slicer now?")
    if slicer.util.confirmYesNoDisplay(plain(question.format(name=name))):
        slicer.util.restart()
    raise UserError(_restartFirst(name))


def _byHand(name: str) -> str:
    return _(
        "The {name} extension is missing: install it in the Extensions Manager, restart Slicer, "
        "then press the button again."
    ).format(name=name)


def _restartFirst(name: str) -> str:
    return _("The {name} extension is installed: restart Slicer, then press the button again.").format(name=name)


def _model() -> Any:
    """Slicer's list of extensions; None in one that was built without."""
    ask = getattr(slicer.app, "extensionsManagerModel", None)
    return ask() if ask else None


def _isInstalled(model: Any, name: str) -> bool:
    return bool(model.isExtensionInstalled(name)) if hasattr(model, "isExtensionInstalled") else False


def _install(model: Any, name: str) -> bool:
    """Whether it is there now; the model asks nothing itself meanwhile, as the user has been asked."""
    before = getattr(model, "interactive", None)
    if before is not None:
        model.interactive = False
    try:
        with suppress(Exception):  # an older list of extensions may do
            model.updateExtensionsMetadataFromServer(True, True)
        if hasattr(model, "installExtensionFromServer"):
            return bool(model.installExtensionFromServer(name, False))
        if hasattr(model, "downloadAndInstallExtensionByName"):
            return bool(model.downloadAndInstallExtensionByName(name, True, True))
        return False
    finally:
        if before is not None:
            model.interactive = before
