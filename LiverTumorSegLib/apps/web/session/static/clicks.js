// Clicks into lesions: where a slice view was clicked, tapped or aimed at, and the keys that belong to it.
(() => {
  const press = (name) => window.liverTumorSeg.press(name);
  const STILL = { mouse: 5, pen: 10, touch: 14 }; // pixels that a click may move by; more is a drag
  const AIMS = {
    ArrowLeft: [-1, 0, 0],
    ArrowRight: [1, 0, 0],
    ArrowUp: [0, 1, 0],
    ArrowDown: [0, -1, 0],
    PageUp: [0, 0, 1],
    PageDown: [0, 0, -1],
  };
  const mode = () => window.trame?.state.get("click_mode");
  const viewOf = (target) =>
    target?.closest?.("button, input, a") ? null : target?.closest?.(".lts-view[data-view]");
  const tell = (name, ...values) => window.trame.trigger(name, values);
  let down = null;
  let dragged = null; // a click that is being moved

  // The mode goes along, since what was chosen just before may not have arrived yet.
  function click(event, tag, ...place) {
    const now = mode();
    const inside = window.trame.state.get("click_side") === "inside";
    tell("click_lesion", tag, now, now === "add" || inside !== (event.ctrlKey || event.metaKey), ...place);
    if (now === "add") end(); // the second click of two is not for another lesion
  }

  function pictureOf(target) {
    const view = viewOf(target);
    const picture = view?.querySelector("img");
    return picture ? { tag: view.dataset.view, box: picture.getBoundingClientRect() } : null;
  }

  function take(event) {
    event.preventDefault();
    event.stopImmediatePropagation(); // a view would take it for its own
  }

  const farFrom = (from, event) =>
    Math.hypot(event.clientX - from.x, event.clientY - from.y) > STILL[event.pointerType];

  function placeIn(box, event) {
    const share = (at, from, length) => Math.min(1, Math.max(0, (at - from) / length));
    return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
  }

  window.addEventListener(
    "pointerdown",
    (event) => {
      const plain = event.isPrimary && event.button === 0 && !event.shiftKey && !event.altKey;
      const picture = plain ? pictureOf(event.target) : null; // a second finger is no click
      const from = picture && { ...picture, id: event.pointerId, x: event.clientX, y: event.clientY };
      const point = event.target.closest?.("[data-click]");
      down = mode() ? from : null;
      if (dragged) dragged.point.style.translate = ""; // it stays where it was
      dragged = from && point ? { ...from, point } : null;
      if (dragged) take(event);
    },
    true,
  );
  window.addEventListener(
    "pointermove",
    (event) => {
      if (dragged?.id !== event.pointerId) return;
      take(event);
      dragged.far ||= farFrom(dragged, event);
      if (dragged.far) dragged.point.style.translate = `${event.clientX - dragged.x}px ${event.clientY - dragged.y}px`;
    },
    true,
  );
  window.addEventListener(
    "pointerup",
    (event) => {
      const moved = dragged?.id === event.pointerId ? dragged : null;
      if (moved) {
        dragged = null;
        moved.point.style.translate = ""; // the session says where it is now
        take(event);
        if (moved.far) tell("move_click", Number(moved.point.dataset.click), moved.tag, ...placeIn(moved.box, event));
      }
      const from = down;
      if (from?.id !== event.pointerId) return;
      down = null;
      if (farFrom(from, event) || !mode()) return;
      click(event, from.tag, ...placeIn(from.box, { clientX: from.x, clientY: from.y }));
    },
    true,
  );
  window.addEventListener(
    "pointercancel",
    () => {
      if (dragged) dragged.point.style.translate = "";
      down = dragged = null;
    },
    true,
  );

  function turn() {
    if (mode() !== "improve") return false;
    const inside = window.trame.state.get("click_side") === "inside";
    window.trame.state.set("click_side", inside ? "outside" : "inside");
    return true;
  }

  function end() {
    if (!mode()) return false;
    window.trame.state.set("click_mode", "");
    return true;
  }

  function aim(event) {
    const view = mode() ? viewOf(document.activeElement) : null;
    if (!view) return false;
    if (event.key === "Enter" || event.key === " ") {
      click(event, view.dataset.view);
      return true;
    }
    const step = AIMS[event.key];
    if (step) tell("aim_lesion", view.dataset.view, ...step.map((n) => (event.shiftKey ? 10 * n : n)));
    return Boolean(step);
  }

  const LETTERS = { a: () => press("click-add"), i: () => press("click-improve"), t: turn, escape: end };

  function taken(event) {
    if (event.altKey || document.querySelector(".v-overlay--active") || window.liverTumorSeg.isTyped(event)) return false;
    const key = event.key.toLowerCase();
    if (aim(event)) return true;
    if (!(event.ctrlKey || event.metaKey)) return !event.repeat && Boolean(LETTERS[key]?.());
    if (key === "z") return press(event.shiftKey ? "redo" : "undo");
    return key === "y" && press("redo");
  }

  window.addEventListener(
    "keydown",
    (event) => {
      if (taken(event)) take(event);
    },
    true,
  );
  window.addEventListener("focusin", (event) => {
    const view = mode() && event.target.matches?.(":focus-visible") ? viewOf(event.target) : null;
    if (view) tell("aim_lesion", view.dataset.view, 0, 0, 0);
  });
})();
