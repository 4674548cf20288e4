// Everything by keyboard. Single keys count only outside of fields, and can be switched off (WCAG 2.1.4).

const OFF = 'keys-off';
const SEQUENCE_MS = 1500;
const dialog = document.getElementById('keys');
let sequence = Number.NEGATIVE_INFINITY;

const rows = () => [...document.querySelectorAll('.list tbody tr')];
const linkOf = (row) => row?.querySelector('.name a, input[type=checkbox]');
const rowInFocus = () => document.activeElement?.closest?.('.list tbody tr') ?? null;

function move(by) {
  const all = rows();
  const at = all.indexOf(rowInFocus());
  const next = at < 0 ? all[by > 0 ? 0 : all.length - 1] : all[Math.min(all.length - 1, Math.max(0, at + by))];
  linkOf(next)?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

const actions = {
  '/': () => {
    const field = document.querySelector('input[type=search]');
    field?.focus();
    field?.select();
    return Boolean(field);
  },
  n: () => go(document.body.dataset.new),
  j: () => move(1),
  k: () => move(-1),
  x: ({ shiftKey }) => {
    const box = rowInFocus()?.querySelector('input[type=checkbox]');
    box?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, shiftKey }));
    return Boolean(box);
  },
  '?': () => dialog.showModal(),
  g: () => {
    sequence = performance.now();
  },
};

function go(href) {
  if (!href) return false;
  location.assign(href);
  return true;
}

function pressed(event) {
  const { key, ctrlKey, metaKey, altKey, target } = event;
  if (ctrlKey || metaKey || altKey || event.defaultPrevented || dialog.open) return;
  const field = target.closest('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]');
  if (key === 'Escape' && field) {
    field.blur();
    return;
  }
  const link =
    key === 'Enter' && target.matches('.list input[type=checkbox]') ? rowInFocus()?.querySelector('.name a') : null;
  // Enter in a check box would send the form around the list.
  if (link) {
    event.preventDefault();
    go(link.href);
  }
  if (field || link || localStorage.getItem(OFF)) return;
  if (performance.now() - sequence < SEQUENCE_MS) {
    sequence = Number.NEGATIVE_INFINITY;
    if (go(document.querySelector(`[data-go="${CSS.escape(key)}"]`)?.href)) event.preventDefault();
    return;
  }
  const name = key === 'X' ? 'x' : key;
  if (Object.hasOwn(actions, name) && actions[name](event) !== false) event.preventDefault();
}

if (dialog) {
  addEventListener('keydown', pressed);
  dialog.addEventListener('click', ({ target }) => {
    if (target === dialog) dialog.close();
  });
  for (const button of document.querySelectorAll('[data-opens-keys]')) {
    button.hidden = false;
    button.addEventListener('click', () => dialog.showModal());
  }
  const on = document.getElementById('keys-on');
  on.checked = !localStorage.getItem(OFF);
  on.addEventListener('change', () => {
    if (on.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, '1');
  });
}
