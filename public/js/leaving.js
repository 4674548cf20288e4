// A key, password or token that is stored nowhere: leaving the page asks, until it has been downloaded or copied.

for (const place of document.querySelectorAll('[data-unsaved]')) {
  const remembered = `saved ${location.pathname}`;
  if (sessionStorage.getItem(remembered)) continue;
  const ask = (event) => event.preventDefault();
  const saved = () => {
    removeEventListener('beforeunload', ask);
    sessionStorage.setItem(remembered, '1');
  };
  const secret = document.getElementById(place.dataset.unsaved);
  addEventListener('beforeunload', ask);
  addEventListener('click', ({ target }) => {
    if (target.closest('[data-saves]') || target.closest('.copy')?.dataset.copies === secret.id) saved();
  });
  secret.addEventListener('copy', saved);
}
