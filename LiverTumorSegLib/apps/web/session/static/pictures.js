// Labels, numbers and lines of the slice views: each picture carries its own, and they are shown once it is.
(() => {
  const JPEG = "image/jpeg";
  const held = new Map();
  const create = URL.createObjectURL.bind(URL);
  const revoke = URL.revokeObjectURL.bind(URL);

  // The pictures' addresses are made by trame-rca, which tells nobody what they are of.
  URL.createObjectURL = (content) => {
    const address = create(content);
    if (content?.type === JPEG) held.set(address, content);
    return address;
  };
  URL.revokeObjectURL = (address) => {
    held.delete(address);
    revoke(address);
  };

  // The comments at a JPEG file's start, as JSON.
  function carried(bytes) {
    const content = new DataView(bytes);
    const parts = [];
    for (let at = 2; at + 4 <= bytes.byteLength && content.getUint16(at) === 0xfffe; ) {
      const length = content.getUint16(at + 2);
      parts.push(new Uint8Array(bytes, at + 4, length - 2));
      at += 2 + length;
    }
    return parts.length ? new Blob(parts).text().then(JSON.parse) : null;
  }

  async function show(picture, view) {
    const address = picture.src;
    const file = held.get(address);
    const shown = file && (await carried(await file.arrayBuffer()));
    if (!shown || picture.src !== address) return; // the next one is there already
    window.trame.state.set(`${view.dataset.view.toLowerCase()}_shown`, shown);
    view.dispatchEvent(new Event("lts-shown", { bubbles: true }));
  }

  document.addEventListener(
    "load",
    (event) => {
      const view = event.target.matches?.("img") && event.target.closest(".lts-view[data-view]");
      if (view) show(event.target, view);
    },
    true,
  );
})();
