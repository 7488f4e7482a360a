// Light or dark: as it was chosen in this browser before, else as the system is.
(() => {
  const KEY = "livertumorseg-theme";

  function kept() {
    try {
      return window.localStorage.getItem(KEY);
    } catch {
      return null; // where the browser keeps nothing
    }
  }

  function keep(theme) {
    try {
      if (theme !== first()) window.localStorage.setItem(KEY, theme);
    } catch {
      // it holds until the page is loaded again
    }
  }

  function first() {
    const system = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    return ["light", "dark"].includes(kept()) ? kept() : system;
  }

  window.trame.state.set("theme", first());
  window.trame.state.watch(["theme"], keep);
})();
