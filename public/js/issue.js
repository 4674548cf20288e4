// Issuing: the form follows profile and CSR while it is filled in, and opens in a drawer over the page one is on.
import { contentArrived, onContent } from './content.js';

/** Below the path that this server has on its host. */
const FORM = new URL('../../client-certificates/new', import.meta.url).pathname;
const PAUSE_MS = 250;
/** The answer is wanted itself, not an address at which to see it. */
const SCRIPT = { accept: 'text/html', 'x-requested-by': 'script' };
/** What the server may have changed after another look at the form. */
const PARTS = ['profile', 'inspection', 'key-field', 'type-field', 'lifetime-field', 'suggested'];

document.documentElement.classList.add('scripted');

onContent((part) => {
  for (const form of part.querySelectorAll('[data-issue] form')) follow(form);
});

function follow(form) {
  let timer;
  let asked = null;
  const look = async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(FORM, {
        method: 'POST',
        body: new URLSearchParams(new FormData(form)),
        headers: SCRIPT,
        signal: asked.signal,
      });
      if (!answer.ok) return;
      take(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch (error) {
      // Without an answer the form stays as it is: the server judges it again when it is sent.
      if (error.name !== 'AbortError') return;
    }
  };
  const take = (page) => {
    for (const id of PARTS) {
      const [mine, fresh] = [form.querySelector(`#${id}`), page.getElementById(id)];
      // Nobody likes a field to be exchanged under the cursor.
      if (!mine || !fresh || mine.contains(document.activeElement)) continue;
      mine.replaceWith(fresh);
      contentArrived(fresh);
    }
    const problem = page.getElementById('csr-problem');
    form.querySelector('#csr-problem')?.remove();
    if (problem) form.querySelector('#csr').after(problem);
    until(form);
  };
  form.addEventListener('input', ({ target }) => {
    if (target.name === 'lifetime' || target.name === 'lifetime_unit') until(form);
    if (!target.matches('[data-looks-again]')) return;
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  });
  form.addEventListener('change', ({ target }) => {
    if (target.name === 'key_source' || target.name === 'certificate_type') look();
  });
  until(form);
}

/** Says on which day the lifetime ends. */
function until(form) {
  const place = form.querySelector('[data-until]');
  const count = Number(form.elements.lifetime.value || form.elements.lifetime.placeholder);
  const hours = form.elements.lifetime_unit.value === 'hours';
  const known = Number.isInteger(count) && count > 0 && count < 100_000;
  const end = new Date(Date.now() + count * (hours ? 3_600_000 : 86_400_000));
  const style = hours ? { hour: 'numeric', minute: '2-digit', timeZoneName: 'short' } : {};
  const format = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric', ...style });
  place.textContent = known ? `Until ${format.format(end)}. ` : '';
}

// The form as a drawer. Everything else about it is as on its own page, to which every failure leads.
addEventListener('click', (event) => {
  const link = event.target.closest?.(`a[href="${FORM}"]`);
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (document.querySelector('main [data-issue]') || typeof HTMLDialogElement === 'undefined') return;
  event.preventDefault();
  open();
});

async function open() {
  try {
    const answer = await fetch(FORM, { headers: { accept: 'text/html' } });
    const page = answer.ok && !answer.redirected && (await pageIn(answer));
    if (!page) throw new Error('not the form');
    const drawer = document.createElement('dialog');
    drawer.className = 'drawer';
    drawer.setAttribute('aria-label', 'Issue a certificate');
    document.body.append(drawer);
    drawer.addEventListener('close', () => drawer.remove());
    drawer.addEventListener('click', (event) => {
      if (event.target !== drawer && !event.target.closest('[data-closes]')) return;
      event.preventDefault();
      drawer.close();
    });
    show(drawer, page);
    drawer.showModal();
    drawer.querySelector('#common_name')?.focus();
  } catch {
    location.assign(FORM);
  }
}

function show(drawer, page) {
  drawer.replaceChildren(page);
  contentArrived(drawer);
  const form = drawer.querySelector('form');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send(drawer, form, event.submitter);
  });
}

async function send(drawer, form, submitter) {
  // With the name and value of the button that was pressed.
  const fields = new URLSearchParams(new FormData(form, submitter));
  const button = form.querySelector('.actions.last button[type=submit]');
  button.disabled = true;
  button.textContent = form.dataset.busy;
  try {
    const answer = await fetch(form.action, {
      method: 'POST',
      body: fields,
      headers: SCRIPT,
    });
    if (answer.redirected) {
      location.assign(answer.url);
      return;
    }
    const page = await pageIn(answer);
    if (!page) throw new Error('not the form');
    show(drawer, page);
    drawer.scrollTop = 0;
    drawer.querySelector('[aria-invalid=true]')?.focus();
  } catch {
    // The form as such says why.
    HTMLFormElement.prototype.submit.call(form);
  }
}

async function pageIn(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  return page.querySelector('[data-issue]');
}
