// Each tab has its own way back to the list as it was last seen there; the server knows only the last of all tabs.

const KEY = 'view';

/** Remembers the address bar as this tab's view of the list. */
export function rememberView() {
  sessionStorage.setItem(KEY, location.pathname + location.search);
}

if (document.querySelector('[data-list]')) rememberView();

const view = sessionStorage.getItem(KEY);
if (view) for (const link of document.querySelectorAll('a[data-view]')) link.href = view;
