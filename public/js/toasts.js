// Notes at the edge of the window: what an action had to say, and what scripts have to say.

const SHOWN_MS = 8000;
const place = document.querySelector('.toasts');

/** Shows a note for a while; one that is pointed at, or holds the focus, stays. */
export function toast(text, tone = 'good') {
  const note = document.createElement('div');
  note.className = `notice ${tone} toast`;
  const line = document.createElement('p');
  line.textContent = text;
  note.append(line);
  show(note);
}

function show(note) {
  const close = document.createElement('button');
  close.type = 'button';
  close.className = 'close';
  close.setAttribute('aria-label', 'Close');
  close.textContent = '×';
  close.addEventListener('click', () => note.remove());
  note.append(close);
  place.append(note);
  // What went wrong stays until it is closed.
  if (!note.classList.contains('good')) return;
  const leave = () => {
    if (note.matches(':hover, :focus-within')) setTimeout(leave, 1000);
    else note.remove();
  };
  setTimeout(leave, SHOWN_MS);
}

if (place) {
  document.documentElement.classList.add('has-toasts');
  for (const note of [...place.children]) {
    // Only what is put into a live region after it was loaded is read aloud.
    note.remove();
    requestAnimationFrame(() => show(note));
  }
}
