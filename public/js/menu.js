// Navigation shows where one is, also where it is wider than the window; the menu of one's account closes when it is left.

for (const current of document.querySelectorAll(':is(.nav, .settings-nav) [aria-current]')) {
  current.scrollIntoView({ block: 'nearest', inline: 'center' });
}

const menu = document.querySelector('details.account');
if (menu) {
  addEventListener('click', ({ target }) => {
    if (!menu.contains(target)) menu.open = false;
  });
  menu.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape' || !menu.open) return;
    menu.open = false;
    menu.querySelector('summary').focus();
  });
}
