// Making a key takes a moment: say so, and do not ask twice.

for (const form of document.querySelectorAll('form[data-busy]')) {
  form.addEventListener('submit', ({ submitter }) => {
    const button = submitter ?? form.querySelector('button[type=submit]');
    button.textContent = form.dataset.busy;
    setTimeout(() => {
      button.disabled = true;
    });
  });
}

// The way back may show this page as it was left.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted && document.querySelector('form[data-busy]')) location.reload();
});
