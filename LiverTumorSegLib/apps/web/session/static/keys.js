// Keys for windows, slices and tools; those of clicks into lesions, undo and redo are in clicks.js.
(() => {
  const press = (name) => window.liverTumorSeg.press(name);
  const STEPS = { ArrowUp: 1, ArrowDown: -1, PageUp: 1, PageDown: -1, Home: -Infinity, End: Infinity };
  const ALL = 1e5; // slices, more than any CT has
  const get = (name) => window.trame?.state.get(name);
  const tell = (name, ...values) => window.trame.trigger(name, values);
  let under = null;

  function end() {
    if (!get("ct_name")) return false;
    if (get("measuring")) window.trame.state.set("measuring", "");
    else tell("look_away");
    return true;
  }

  function remove() {
    tell("remove_measurement");
    return true;
  }

  const KEYS = {
    "?": () => press("help"),
    h: () => press("overlay-button"),
    r: () => press("ruler"),
    e: () => press("ellipse"),
    p: () => press("tool-paint"),
    x: () => press("tool-erase"),
    m: () => press("tool-none"),
    delete: remove,
    escape: end,
  };

  function step(event) {
    const steps = STEPS[event.key];
    const focus = document.activeElement;
    const focused = focus?.closest?.(".lts-view[data-view]");
    const free = focus === document.body || focus?.closest("header") || (focused && !focus.matches("button, input"));
    if (!steps || !free || !get("ct_name")) return false;
    const view = focused ?? (under?.isConnected ? under : document.querySelector(".lts-view[data-view]"));
    tell("step_slices", view.dataset.view, Math.max(-ALL, Math.min(ALL, steps * (event.shiftKey ? 10 : 1))));
    return true;
  }

  function taken(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    if (document.querySelector(".v-overlay--active .v-overlay__content") || window.liverTumorSeg.isTyped(event)) return false;
    if (step(event)) return true;
    if (event.repeat) return false;
    if (/^[1-9]$/.test(event.key) && get("ct_name")) {
      tell("choose_window", Number(event.key));
      return true;
    }
    return Boolean(KEYS[event.key.toLowerCase()]?.());
  }

  window.addEventListener("pointermove", (event) => (under = event.target.closest?.(".lts-view[data-view]") ?? under), true);
  window.addEventListener(
    "keydown",
    (event) => {
      if (!taken(event)) return;
      event.preventDefault();
      event.stopImmediatePropagation(); // a view would take it for its own
    },
    true,
  );
})();
