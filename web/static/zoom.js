// Look closely. Upgrades <a class="canvas" href="big.webp" data-width="2048" data-height="1365">…<img></a>; without this file
// the link simply opens the big picture.
// The dialog is server-rendered (so it is translated); panning is native scrolling (so touch, wheel, keys and scrollbars work by themselves).
const dialog = document.querySelector('#zoom'), link = document.querySelector('.canvas[data-width]'), small = link?.querySelector('img');
if (dialog && small && dialog.showModal) {
  const box = dialog.querySelector('.pan'), img = box.querySelector('img'), out = dialog.querySelector('output');
  let scale = 1, fit = 1;
  const limit = s => Math.min(Math.max(s, fit), Math.max(4, fit));

  // keep the picture's point under (x, y) of the box where it is while the scale changes
  function zoom(to, x = box.clientWidth / 2, y = box.clientHeight / 2) {
    const before = img.getBoundingClientRect(), at = box.getBoundingClientRect();
    const px = (at.left + x - before.left) / before.width, py = (at.top + y - before.top) / before.height;
    scale = limit(to);
    img.style.width = `${link.dataset.width * scale / devicePixelRatio}px`;
    const after = img.getBoundingClientRect();
    box.scrollBy(after.left + px * after.width - at.left - x, after.top + py * after.height - at.top - y);
    out.value = `${Math.round(scale * 100)} %`;
  }
  function refit() {
    const w = link.dataset.width / devicePixelRatio, h = link.dataset.height / devicePixelRatio;
    fit = Math.min(box.clientWidth / w, box.clientHeight / h); zoom(fit);
  }

  link.addEventListener('click', e => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) return;              // a new tab stays a new tab
    e.preventDefault();
    if (!img.src) { img.alt = small.alt; img.src = small.currentSrc; const big = new Image(); big.src = link.href; big.decode().then(() => img.src = big.src, () => {}); }
    dialog.showModal(); refit(); box.focus();
  });
  dialog.addEventListener('click', e => { const z = e.target.closest('[data-z]')?.dataset.z; if (z) z === 'fit' ? refit() : zoom(scale * (z === 'in' ? 1.5 : 1 / 1.5)); });
  dialog.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === '+' || e.key === '=') zoom(scale * 1.5); else if (e.key === '-') zoom(scale / 1.5); else if (e.key === '0') refit(); else if (e.key === '1') zoom(1); else return;
    e.preventDefault();
  });
  box.addEventListener('wheel', e => { if (!e.ctrlKey && !e.metaKey) return; e.preventDefault(); const r = box.getBoundingClientRect(); zoom(scale * Math.exp(-e.deltaY / 200), e.clientX - r.left, e.clientY - r.top); }, { passive: false });
  box.addEventListener('dblclick', e => { const r = box.getBoundingClientRect(); scale > fit * 1.01 ? refit() : zoom(Math.max(1, fit * 2), e.clientX - r.left, e.clientY - r.top); });

  // mouse drags scroll; two fingers pinch (one finger is left to the browser)
  const fingers = new Map(); let spread = 0;
  box.addEventListener('pointerdown', e => { fingers.set(e.pointerId, e); if (e.pointerType === 'mouse') box.setPointerCapture(e.pointerId); });
  box.addEventListener('pointermove', e => {
    const was = fingers.get(e.pointerId); if (!was) return;
    fingers.set(e.pointerId, e);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], d = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), r = box.getBoundingClientRect();
      if (spread) zoom(scale * d / spread, (a.clientX + b.clientX) / 2 - r.left, (a.clientY + b.clientY) / 2 - r.top);
      spread = d;
    } else if (e.pointerType === 'mouse') box.scrollBy(was.clientX - e.clientX, was.clientY - e.clientY);
  });
  for (const t of ['pointerup', 'pointercancel']) box.addEventListener(t, e => { fingers.delete(e.pointerId); spread = 0; });
  addEventListener('resize', () => dialog.open && refit());
}
