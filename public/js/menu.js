// The menu of one's own account closes when it is left.

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
