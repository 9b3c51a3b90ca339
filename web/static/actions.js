// Like, boost and follow without leaving the page: the form is sent in the background and the server's new button takes its place.
// Without this file, or when anything goes wrong, the form does the same by itself.
addEventListener('submit', async event => {
  const form = event.target.closest('form.swap');
  if (!form || form.dataset.plain) return;
  event.preventDefault();
  if (form.ariaBusy === 'true') return;
  form.ariaBusy = 'true';
  try {
    const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { 'X-Fragment': '1' }, redirect: 'error' });
    if (!answer.ok) throw answer;
    const made = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('form');
    const old = form.querySelector('button'), button = made.querySelector('button'), held = document.activeElement === old;
    button.classList.toggle('small', old.classList.contains('small'));
    form.replaceWith(made);
    if (held) button.focus();
  } catch {
    form.dataset.plain = 'yes';
    form.submit();
  }
});
