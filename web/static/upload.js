// Sends files as soon as they are chosen, dropped or pasted: three at a time, each with its progress, its reason when it fails, and
// a button to try again. The answer is the card that the page would show for it.
const form = document.querySelector("#work"), cards = document.querySelector("#cards"), input = document.querySelector("#files");
const drop = document.querySelector(".drop"), told = document.querySelector("#uploads");
const csrf = form.querySelector("[name=csrf]").value, most = Number(input.dataset.most);
const waiting = [];
let running = 0;
document.querySelector(".plain-upload").hidden = true;
drop.classList.add("live");
const mb = (n) => (n / 1e6).toFixed(n < 1e7 ? 1 : 0);
const tell = (kind) => document.dispatchEvent(new CustomEvent("cards", { detail: kind }));
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// What is refused before it is sent; the server looks into the file itself and has the last word. A file without a known type and
// without an ending is sent: it may well be a picture.
function refusal(file) {
  const known = /\.(jpe?g|jfif|a?png|webp|avif|gif|tiff?|hei[cf])$/i.test(file.name) || /^image\/(jpeg|png|webp|avif|gif|tiff|hei[cf])$/.test(file.type);
  if (!known && (file.type || file.name.includes("."))) return "This is not a picture that we can show. Export it as JPEG, PNG, WebP, AVIF, GIF or TIFF and add that.";
  if (file.size > input.dataset.megabytes * 1e6) return `This file has ${mb(file.size)} MB; at most ${input.dataset.megabytes} MB can be sent. Export it smaller and add that.`;
  if (cards.querySelectorAll(":scope > :not(.failed)").length > most) return `A work has at most ${most} images. This one was not sent.`;
}

function add(files) {
  for (const file of files) {
    const state = make("span", { className: "quiet xs", textContent: "Waiting" });
    const bar = make("progress", { max: file.size || 1, value: 0 });
    bar.setAttribute("aria-label", `Uploading ${file.name}`);
    const stop = make("button", { type: "button", className: "btn bare small", textContent: "Remove" });
    const line = make("li", { className: "going" },
      make("div", { className: "file-head" }, make("div", { className: "name" }, make("b", { textContent: file.name }), state),
        make("span", { className: "push" }), stop), bar);
    const job = { file, state, bar, line };
    stop.onclick = () => { job.gone = true; job.xhr?.abort(); line.remove(); input.focus(); };
    cards.append(line);
    const reason = refusal(file);
    if (reason) fail(job, reason);
    else waiting.push(job);
  }
  next();
}

function next() {
  while (running < 3 && waiting.length) {
    const job = waiting.shift();
    if (!job.gone) send(job);
  }
}

function send(job) {
  const { file, state, bar, line } = job, xhr = (job.xhr = new XMLHttpRequest());
  running++;
  job.retry?.remove();
  line.classList.remove("failed");
  bar.hidden = false;
  xhr.open("POST", "/uploads");
  xhr.setRequestHeader("X-CSRF", csrf);
  xhr.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
  xhr.setRequestHeader("Accept", "application/json");
  xhr.upload.onprogress = (event) => {
    bar.value = event.loaded;
    state.textContent = event.loaded < file.size ? `${mb(event.loaded)} of ${mb(file.size)} MB` : "Sent, being looked at";
  };
  xhr.onload = () => {
    if (xhr.status !== 201) {
      let reason = "This server could not take it.";
      try { reason = JSON.parse(xhr.response).error; } catch { /* not ours: a proxy's words would not help */ }
      return fail(job, reason, xhr.status !== 422 && xhr.status !== 413);
    }
    const card = place(xhr.response);
    line.replaceWith(card);
    told.textContent = `${file.name} is uploaded.`;
    tell("new");
    watch(card);
  };
  xhr.onerror = () => fail(job, `The connection stopped at ${mb(bar.value)} MB. Try again when you are back online.`, true);
  xhr.onloadend = () => { running--; next(); };
  xhr.send(file);
}

function fail(job, reason, again) {
  job.line.classList.add("failed");
  job.bar.hidden = true;
  job.state.textContent = reason;
  told.textContent = `${job.file.name}: ${reason}`;
  if (!again) return;
  job.retry = make("button", { type: "button", className: "btn small", textContent: "Try again" });
  job.retry.onclick = () => { job.retry.remove(); job.state.textContent = "Waiting"; waiting.push(job); next(); };
  job.line.append(job.retry);
}

const place = (html) => new DOMParser().parseFromString(html, "text/html").querySelector(".card");

// Ask until the preview is there. Only the picture and its state are exchanged: what is being typed stays.
async function watch(card, wait = 1000) {
  while (card.isConnected && /waiting|made/.test(card.dataset.state)) {
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(8000, wait * 1.3);
    try {
      const answer = await fetch(`/uploads/${card.dataset.id}`);
      if (!answer.ok) continue;
      const fresh = place(await answer.text()), small = fresh.querySelector(".crop img");
      card.dataset.state = fresh.dataset.state;
      card.dataset.colour = fresh.dataset.colour;
      for (const part of [".shot", ".state"]) card.querySelector(part).replaceWith(fresh.querySelector(part));
      if (small && !card.querySelector(".crop img")) card.querySelector(".crop").prepend(small);
      tell();
    } catch { /* offline: the next round asks again */ }
  }
}

input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
for (const name of ["dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") add([...event.dataTransfer.files]);
  });
}
addEventListener("paste", (event) => event.clipboardData?.files.length && add([...event.clipboardData.files]));
addEventListener("beforeunload", (event) => running && event.preventDefault());
cards.querySelectorAll(".card").forEach((card) => watch(card));
