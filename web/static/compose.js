// The page of a work: saves by itself, counts, sets the focal point, moves cards. Without it every button is a plain form button.
const form = document.querySelector("#work"), cards = document.querySelector("#cards"), saved = document.querySelector("#saved");
const todo = document.querySelector("#todo"), isPublished = "published" in form.dataset;
const plural = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
let dirty = false, leaving = false, busy = null;

// -- saving ---------------------------------------------------------------------------------------------------------------
async function save(last = false) {
  if (isPublished || leaving || !dirty || (busy && !last)) return;
  dirty = false;
  const body = new FormData(form);
  body.delete("files");
  body.set("do", "draft");
  busy = fetch(form.action, { method: "POST", body, keepalive: last, headers: { Accept: "application/json" } });
  try {
    const answer = await busy, data = await answer.json();
    if (data.published) location.assign(data.published);
    else saved.textContent = answer.ok
      ? `Draft saved at ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`
      : `Not saved: ${data.error}`;
  } catch {
    dirty = true;
    saved.textContent = "Not saved: no connection. It will be tried again.";
  }
  busy = null;
}
setInterval(save, 10000);
addEventListener("pagehide", () => save(true));
document.addEventListener("visibilitychange", () => document.hidden && save(true));
form.addEventListener("submit", () => { leaving = true; setTimeout(() => { leaving = false; }, 15000); });
addEventListener("pageshow", () => { leaving = false; });

// -- counting -------------------------------------------------------------------------------------------------------------
const icon = (small, name) => {
  const use = small.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#" + name));
};
function count() {
  let open = [];
  for (const box of cards.querySelectorAll("textarea")) {
    const small = document.getElementById(box.id + "-hint"), n = [...box.value.trim()].length;
    if (!n) open.push(box);
    small.className = n ? "done" : "todo";
    icon(small, n ? "check" : "alert");
    small.querySelector("span").textContent = n
      ? `Described, ${plural(n, "character")}${n > 1300 ? ` of ${Number(small.dataset.full).toLocaleString("en")}` : ""}`
      : "People who cannot see it will get nothing here";
  }
  todo.hidden = !open.length;
  if (open[0]) todo.href = "#" + open[0].id;
  todo.querySelector("span").textContent = `${plural(open.length, "image")} to describe`;
  const all = [...cards.children];
  all.forEach((card, i) => {
    for (const [verb, off] of [["up", !i], ["down", i === all.length - 1]]) {
      const button = card.querySelector(`[value^="${verb}-"]`);
      if (button) button.disabled = off;
    }
  });
}

// -- focal point, by click or slider; by CSSOM, since the policy allows no style attributes ----------------------------------
function aim(card) {
  const [x, y] = card.querySelectorAll("[type=range]");
  if (!x) return;
  card.style.setProperty("--x", x.value + "%");
  card.style.setProperty("--y", y.value + "%");
  card.style.setProperty("--c", card.dataset.colour);
}
cards.addEventListener("click", (event) => {
  const card = event.target.closest(".card"), button = event.target.closest("button");
  if (event.target.matches(".shot img, .aim")) {
    const box = card.querySelector(".shot img").getBoundingClientRect(), [x, y] = card.querySelectorAll("[type=range]");
    x.value = ((event.clientX - box.left) / box.width) * 100;
    y.value = ((event.clientY - box.top) / box.height) * 100;
    aim(card);
    dirty = true;
  }
  const [verb, id] = (button?.value || "").split("-");
  if (verb === "up" || verb === "down") {
    event.preventDefault();
    if (verb === "up") card.previousElementSibling?.before(card);
    else card.nextElementSibling?.after(card);
    changed();
    (button.disabled ? card.querySelector(`[value^="${verb === "up" ? "down" : "up"}-"]`) : button).focus();
  } else if (verb === "remove") {
    event.preventDefault();
    const input = Object.assign(document.createElement("input"), { type: "hidden", name: "removed", value: id });
    const next = card.nextElementSibling || card.previousElementSibling;
    form.append(input);
    card.remove();
    changed();
    (next?.querySelector("textarea") || document.querySelector("#files")).focus();
  }
});
function changed() { dirty = true; count(); }
form.addEventListener("input", (event) => {
  if (event.target.type === "range") aim(event.target.closest(".card"));
  changed();
});
document.addEventListener("cards", (event) => {
  cards.querySelectorAll(".card").forEach(aim);
  if (event.detail === "new") { dirty = true; save(); }
  count();
});
document.dispatchEvent(new CustomEvent("cards"));
