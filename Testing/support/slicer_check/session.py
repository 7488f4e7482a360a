"""The module open in a running Slicer, with what its checks share: waiting, clicking, a CT and pictures."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import slicer

ROOT = Path(__file__).resolve().parents[3]
MODULE = "LiverTumorSeg"
_PATIENCE = 300.0


class Skipped(Exception):
    """Says why a check cannot be made here."""


def skip(why: str) -> NoReturn:
    """Leave the check out that is being made."""
    raise Skipped(why)


class Session:
    """The open panel.

    Args:
        pictures: folder for pictures.
    """

    def __init__(self, pictures: Path) -> None:
        self.pictures = pictures
        self.questions: list[str] = []
        self.longest_gap = 0.0
        self._phantom: Any = None
        self._temporary = tempfile.TemporaryDirectory(prefix="Größe eins ")  # a user's folder may be called so

    @property
    def folder(self) -> Path:
        """A folder with a space and an umlaut in its name, for files."""
        return Path(self._temporary.name)

    @property
    def widget(self) -> Any:
        """The module's widget, opened when it is first asked for."""
        if not hasattr(slicer.modules, MODULE.lower()):
            _register(ROOT / MODULE / f"{MODULE}.py")
        select = getattr(slicer.util, "mainWindow", lambda: None)()
        if select is not None:
            slicer.util.selectModule(MODULE)
        representation = getattr(slicer.modules, MODULE.lower()).widgetRepresentation()
        widget = representation.self()
        if select is None and not widget.parent.isEntered:  # no window, in which Slicer would enter it
            representation.show()
            representation.enter()
        return widget

    @property
    def ui(self) -> Any:
        return self.widget.ui

    @property
    def panel(self) -> Any:
        return self.widget.logic.panel

    @property
    def phantom(self) -> Any:
        """A made-up CT of 40 slices with known labels."""
        if self._phantom is None:
            from LiverTumorSegLib.datasets import phantom

            self._phantom = phantom.create((40, 96, 112), (6.0, 4.0, 4.0), seed=5, lesions=2)
        return self._phantom

    def need_packages(self) -> None:
        """Skip where the module's packages are missing."""
        if self.panel.missing:
            skip(f"packages are missing ({', '.join(self.panel.missing)}): install them in the panel first")

    def need(self, name: str) -> Any:
        """A module of Slicer by its Python name; skip where this Slicer lacks it."""
        try:
            return __import__(name)
        except ImportError:
            skip(f"there is no module {name} here")

    def clear(self) -> None:
        """Begin with an empty scene and no job."""
        if self.panel.busy:
            self.panel.cancel()
            self.wait(lambda: not self.panel.busy)
        slicer.mrmlScene.Clear(0)
        slicer.app.processEvents()

    def add_ct(self, name: str = "Phantom") -> Any:
        """The phantom in the scene, chosen in the panel."""
        affine = slicer.util.vtkMatrixFromArray(self.phantom.volume.affine)
        node = slicer.util.addVolumeFromArray(self.phantom.volume.voxels, affine, name)
        slicer.util.setSliceViewerLayers(background=node, fit=True)
        self.ui.inputSelector.setCurrentNode(node)
        return node

    def segment(self) -> Any:
        """The nodes of a result, by the button, with the longest time in which Slicer handled no event."""
        self.click(self.ui.segmentButton)
        assert self.ui.segmentButton.text != "Segment", "the button does not offer to cancel"
        self.finish()
        return self.result()

    def result(self) -> Any:
        """The nodes of the last result."""
        from LiverTumorSegPanel.parameters import resultOf

        nodes = resultOf(self.widget.logic.getParameterNode())
        assert nodes is not None, "there is no result"
        return nodes

    def click(self, button: Any) -> None:
        assert button.enabled, f"the button “{button.text}” is off: {button.toolTip}"
        button.click()

    def finish(self, seconds: float = _PATIENCE) -> None:
        """Wait for the running job to be done well."""
        self.wait(lambda: self.panel.settled, seconds)
        assert not self.panel.error, f"{self.panel.error} {self.panel.details}"

    def wait(self, condition: Callable[[], Any], seconds: float = _PATIENCE) -> None:
        """Handle events until a condition holds."""
        end = time.monotonic() + seconds
        self.longest_gap = 0.0
        while not condition():
            assert time.monotonic() < end, f"waited {seconds:.0f} s in vain: {self.panel.stage} {self.panel.error}"
            began = time.monotonic()
            slicer.app.processEvents()
            self.longest_gap = max(self.longest_gap, time.monotonic() - began)
            time.sleep(0.005)

    def dice(self, nodes: Any) -> float:
        """How well liver and lesions together are those of the phantom."""
        found, truth = np.zeros(self.phantom.labels.shape, bool), self.phantom.labels > 0
        for name in nodes.segments:
            found |= slicer.util.arrayFromSegmentBinaryLabelmap(nodes.segmentation, name, nodes.volume) > 0
        return 2 * np.count_nonzero(found & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))

    def picture_of_panel(self, name: str) -> list[Path]:
        """The panel as it looks now."""
        slicer.app.processEvents()
        path = self.pictures / f"{name}.png"
        return [path] if self.widget.parent.grab().save(str(path)) else []

    def picture_of_views(self, name: str) -> list[Path]:
        """The views as they look now; none where there is no main window."""
        if slicer.app.layoutManager() is None:
            return []
        slicer.util.forceRenderAllViews()
        slicer.app.processEvents()
        path = self.pictures / f"{name}.png"
        with contextlib.suppress(Exception):
            import ScreenCapture

            ScreenCapture.ScreenCaptureLogic().captureImageFromView(None, str(path))
        if not path.is_file():
            slicer.app.layoutManager().viewport().grab().save(str(path))
        return [path] if path.is_file() else []

    @contextlib.contextmanager
    def answering_yes(self) -> Iterator[None]:
        """Questions of the module are answered, so that nobody has to sit there; they are kept."""
        kept = {name: getattr(slicer.util, name) for name in ("confirmYesNoDisplay", "confirmOkCancelDisplay")}

        def answer(text: str, *_: Any, **__: Any) -> bool:
            self.questions.append(text)
            return True

        try:
            for name in kept:
                setattr(slicer.util, name, answer)
            yield
        finally:
            for name, function in kept.items():
                setattr(slicer.util, name, function)

    def close(self) -> None:
        """Take the files away."""
        self._temporary.cleanup()


def _register(path: Path) -> None:
    """Load the module from this folder, as Slicer's Extension Wizard does."""
    import qt

    factory = slicer.app.moduleManager().factoryManager()
    if not hasattr(factory, "registerModule"):
        skip("the module is not loaded, and this is no Slicer that could load it")
    factory.registerModule(qt.QFileInfo(str(path)))
    factory.loadModules([path.stem])
    assert hasattr(slicer.modules, path.stem.lower()), f"Slicer cannot load {path}: see its log"


def library() -> None:
    """Make the library importable, as the module does."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
