// The pointer in the slice views: the CT's density under it, a crosshair where it clicks, rulers and ellipses it draws.
(() => {
  const STILL = { mouse: 5, pen: 10, touch: 14 }; // pixels that a click may move by; more is a drag
  const SHORTEST = 4; // pixels of a line that is meant
  const NO_HU = { tag: "", words: "" };
  const NO_DRAFT = { tag: "", words: "", x: 0, y: 0, lines: [], ellipses: [] };
  const get = (name) => window.trame?.state.get(name);
  const set = (name, value) => window.trame.state.set(name, value);
  const tell = (name, ...values) => window.trame.trigger(name, values);
  const viewOf = (target) => target?.closest?.(".lts-view[data-view]");
  let pointed = null; // where the pointer is, whether a button is pressed or not
  let asking = false;
  let down = null;
  let drawing = null;

  function placeIn(view, event) {
    const box = view?.querySelector("img")?.getBoundingClientRect();
    if (!box?.width) return null;
    const x = (100 * (event.clientX - box.left)) / box.width;
    const y = (100 * (event.clientY - box.top)) / box.height;
    return { view, tag: view.dataset.view, box, x: Math.min(100, Math.max(0, x)), y: Math.min(100, Math.max(0, y)) };
  }

  const OVER = "button, input, a, [data-click]"; // what lies over a picture and takes the pointer itself
  const pictureAt = (event) => (event.target.closest?.(OVER) ? null : placeIn(viewOf(event.target), event));

  // One question at a time, and then where the pointer is by now.
  async function ask() {
    if (asking || !get("ct_name")) return;
    asking = true;
    try {
      for (let at = null; at !== pointed; ) {
        at = pointed;
        const words = at && (await tell("hu_at", at.tag, at.x, at.y));
        set("hu", words && pointed ? { tag: at.tag, words } : NO_HU);
      }
    } finally {
      asking = false;
    }
  }

  function point(event) {
    const before = pointed;
    pointed = placeIn(viewOf(event.target), event);
    if (pointed || before) ask();
  }

  function draft(event) {
    const { tool, tag, view, x, y } = drawing;
    const to = placeIn(view, event) ?? drawing;
    const [width, height] = get(`${tag.toLowerCase()}_shown`).size_mm ?? [0, 0];
    const [across, along] = [(Math.abs(to.x - x) * width) / 100, (Math.abs(to.y - y) * height) / 100];
    const isRuler = tool === "ruler";
    const line = { x1: x, y1: y, x2: to.x, y2: to.y, look: "lts-ruler" };
    const half = { rx: Math.abs(to.x - x) / 2, ry: Math.abs(to.y - y) / 2 };
    const ellipse = { cx: (to.x + x) / 2, cy: (to.y + y) / 2, ...half, look: "lts-ruler" };
    const words = isRuler ? `${Math.hypot(across, along).toFixed(1)} mm` : `${across.toFixed(1)} × ${along.toFixed(1)} mm`;
    set("draft", { tag, words, x: to.x, y: to.y, lines: isRuler ? [line] : [], ellipses: isRuler ? [] : [ellipse] });
    return to;
  }

  async function finish(event) {
    const { tool, tag, view, x, y, clientX, clientY } = drawing;
    const to = draft(event);
    const wanted = event.type === "pointerup" && get("measuring") === tool; // else it was given up meanwhile
    drawing = null;
    if (wanted && Math.hypot(event.clientX - clientX, event.clientY - clientY) >= SHORTEST) {
      const shown = new Promise((resolve) => view.addEventListener("lts-shown", resolve, { once: true }));
      await tell("measure", tool, tag, x, y, to.x, to.y);
      await Promise.race([shown, new Promise((resolve) => setTimeout(resolve, 500))]); // no moment without either
    }
    if (!drawing) set("draft", NO_DRAFT);
  }

  function take(event) {
    event.preventDefault();
    event.stopImmediatePropagation(); // the view would change its window
  }

  function onDown(event) {
    point(event);
    const plain = event.isPrimary && event.button === 0 && !event.shiftKey && !event.altKey && !event.ctrlKey;
    const at = plain ? pictureAt(event) : null;
    if (at && get("measuring")) {
      take(event);
      event.target.setPointerCapture(event.pointerId);
      drawing = { ...at, tool: get("measuring"), id: event.pointerId, clientX: event.clientX, clientY: event.clientY };
    } else if (drawing && viewOf(event.target)) {
      take(event); // a second finger
    } else {
      const free = get("tool") === "none" && !get("click_mode") && get("ct_name");
      down = at && free ? { ...at, id: event.pointerId, clientX: event.clientX, clientY: event.clientY } : null;
    }
  }

  function onMove(event) {
    if (drawing?.id === event.pointerId) {
      take(event);
      draft(event);
    }
    point(event);
  }

  function onUp(event) {
    if (drawing?.id === event.pointerId) {
      take(event);
      finish(event);
      return;
    }
    const from = down;
    if (from?.id !== event.pointerId) return;
    down = null;
    const moved = Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY);
    if (event.type === "pointerup" && moved <= STILL[event.pointerType]) tell("look_at", from.tag, from.x, from.y);
  }

  window.addEventListener("pointerdown", onDown, true);
  window.addEventListener("pointermove", onMove, true);
  window.addEventListener("pointerup", onUp, true);
  window.addEventListener("pointercancel", onUp, true);
  window.addEventListener("wheel", (event) => drawing && take(event), { capture: true, passive: false });
  document.documentElement.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "touch") return; // what was tapped is said until the next tap
    pointed = null;
    ask();
  });
  document.addEventListener("lts-shown", (event) => {
    if (pointed?.view === event.target) {
      pointed = { ...pointed }; // another slice is there
      ask();
    }
  });
})();
