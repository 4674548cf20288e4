// Searching and filtering without leaving the page: the same address is asked for, and the parts that changed are exchanged.
import { contentArrived } from './content.js';
import { toast } from './toasts.js';
import { rememberView } from './view.js';

const PAUSE_MS = 180;
const form = document.querySelector('form[data-filters]');
let timer;
let asked = null;

/** The address of what the form says; empty filters need not show in it. */
function addressOf(filters) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(filters)) if (value.trim() !== '') query.append(name, value);
  return query.size === 0 ? filters.action : `${filters.action}?${query}`;
}

async function refresh() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const address = addressOf(form);
  const results = document.getElementById('results');
  results.setAttribute('aria-busy', 'true');
  try {
    const answer = await fetch(address, { signal, headers: { accept: 'text/html' } });
    // Signed out meanwhile, or refused: the page itself says it better.
    if (!answer.ok || new URL(answer.url).pathname !== location.pathname) {
      location.assign(address);
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    history.replaceState(null, '', address);
    rememberView();
    exchange(page);
  } catch (error) {
    if (error.name === 'AbortError') return;
    toast('The server does not answer. What you see may be out of date.', 'bad');
  }
  results.removeAttribute('aria-busy');
}

function exchange(page) {
  for (const part of document.querySelectorAll('[data-region]')) {
    const other = page.querySelector(`[data-region="${part.dataset.region}"]`);
    if (other === null) {
      if (part.id !== 'results') part.hidden = true;
      continue;
    }
    part.hidden = false;
    if (other.href) part.href = other.getAttribute('href');
    else {
      part.replaceChildren(...other.childNodes);
      contentArrived(part);
    }
  }
  // The same element with another text is what is read aloud.
  const found = document.getElementById('found');
  found.replaceChildren(...page.getElementById('found').childNodes);
  contentArrived(found);
  // A theme that is chosen now leads back to what is found now.
  const back = page.querySelector('input[name=back]');
  for (const field of document.querySelectorAll('input[name=back]')) field.value = back?.value ?? field.value;
}

/** Whether a field says something else than the page came with. */
function isTouched(field) {
  if (field instanceof HTMLSelectElement)
    return [...field.options].some((option) => option.selected !== option.defaultSelected && option.value !== '');
  return field.type !== 'hidden' && 'defaultValue' in field && field.value !== field.defaultValue;
}

if (form) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(timer);
    refresh();
  });
  form.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, PAUSE_MS);
  });
  // Who is faster than scripts has typed already.
  if ([...form.elements].some(isTouched)) refresh();
}
