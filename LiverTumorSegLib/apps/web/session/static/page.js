// Files from the browser to the front: chosen or dropped, one PUT a file, then one POST for all of them.
(() => {
  const state = (values) => Object.entries(values).forEach(([name, value]) => window.trame.state.set(name, value));
  const address = (batch, path = "") => `./upload/${batch}${path && "/"}${path.split("/").map(encodeURIComponent).join("/")}`;
  let sending = null;

  function send(method, url, body, onProgress) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      sending = request;
      request.open(method, url);
      request.upload.onprogress = (event) => onProgress(event.loaded);
      request.onload = () => (request.status < 300 ? resolve() : reject(new Error(request.responseText)));
      request.onerror = () => reject(new Error("The connection was lost: is the program still running where it was started?"));
      request.onabort = () => reject(new Error(""));
      request.send(body);
    });
  }

  async function upload(chosen) {
    const files = chosen.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));
    if (!files.length) return;
    if (sending) return state({ upload_error: "Other files are still being sent: wait for them, or stop them." });
    const batch = crypto.randomUUID ? crypto.randomUUID() : String(Date.now());
    const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
    let done = 0;
    const show = (sent) => state({ upload_percent: bytes ? (100 * (done + sent)) / bytes : 100 });
    state({ uploading: true, upload_percent: 0, upload_error: "", ct_error: "" });
    try {
      for (const { path, file } of files) {
        await send("PUT", address(batch, path), file, show);
        done += file.size;
      }
      await send("POST", address(batch), null, () => {});
    } catch (error) {
      state({ upload_error: error.message });
    } finally {
      sending = null;
      state({ uploading: false });
    }
  }

  function choose(folder) {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = folder;
    input.id = "lts-file-input";
    input.hidden = true;
    document.getElementById("lts-file-input")?.remove();
    document.body.append(input);
    input.onchange = () =>
      upload([...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
    input.click();
  }

  const entriesOf = (reader) =>
    new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

  async function filesIn(entry, above = "") {
    const path = above + entry.name;
    if (entry.isFile) return [{ path, file: await fileOf(entry) }];
    const reader = entry.createReader();
    const found = [];
    for (let part = await entriesOf(reader); part.length; part = await entriesOf(reader)) {
      for (const inside of part) found.push(...(await filesIn(inside, `${path}/`)));
    }
    return found;
  }

  // What is sent while a page is left or loaded again has nobody to go to, and is nobody's fault.
  window.addEventListener("unhandledrejection", (event) => {
    if (/connection not open$/.test(event.reason?.message)) event.preventDefault();
  });

  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.documentElement.classList.add("lts-dropping");
  });
  window.addEventListener("dragleave", () => document.documentElement.classList.remove("lts-dropping"));
  window.addEventListener("drop", async (event) => {
    event.preventDefault();
    document.documentElement.classList.remove("lts-dropping");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    try {
      const found = await Promise.all(entries.map((entry) => filesIn(entry)));
      await upload(found.flat());
    } catch (error) {
      state({ upload_error: `What was dropped cannot be read (${error.message}): choose it with a button.` });
    }
  });

  function download(name) {
    const link = document.createElement("a");
    link.href = `./download/${encodeURIComponent(name)}`;
    link.download = name;
    link.click();
  }

  // A report is a document of its own that runs nothing: its frame lets no script run.
  async function preview(name) {
    const answer = await fetch(`./download/${encodeURIComponent(name)}`);
    const frame = document.getElementById("preview-page");
    if (!answer.ok || !frame) return state({ preview_open: false });
    frame.onload = () => state({ preview_ready: true });
    frame.srcdoc = await answer.text();
  }

  const printPreview = () => document.getElementById("preview-page")?.contentWindow.print();

  // For the scripts that take keys: what a button does, and whether a key is typed into a field.
  function press(name) {
    const button = document.getElementById(name);
    if (!button || button.disabled) return false;
    button.click();
    return true;
  }

  const TYPED = "input:not([type=range], [type=checkbox]), textarea, select, [role=combobox], [contenteditable=true]";
  const isTyped = (event) => Boolean(event.target.closest?.(TYPED));

  const cancel = () => sending?.abort();
  window.liverTumorSeg = { choose, upload, download, preview, printPreview, cancel, press, isTyped };
})();
