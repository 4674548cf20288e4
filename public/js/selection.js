// Choosing rows of the list: one, a stretch with Shift, the whole page, or everything that matches.
import { onContent } from './content.js';

onContent((part) => {
  const form = part.querySelector('form[data-selection]');
  if (form) choose(form);
});

function choose(form) {
  const boxes = [...form.querySelectorAll('tbody input[name=id]')];
  const [all, every, chosen, bar, none] = [
    '[data-all-rows]',
    '[name=every]',
    '[data-chosen]',
    '[data-bulk]',
    '[data-none]',
  ].map((selector) => form.querySelector(selector));
  const number = new Intl.NumberFormat();
  let last = null;

  const show = () => {
    const count = boxes.filter(({ checked }) => checked).length;
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    bar.classList.toggle('on', count > 0 || every?.checked === true);
    chosen.textContent = every?.checked ? 'Selected:' : `${number.format(count)} selected`;
    for (const box of boxes) box.closest('tr').classList.toggle('chosen', box.checked || every?.checked === true);
  };

  for (const box of boxes) {
    box.addEventListener('click', ({ shiftKey }) => {
      if (shiftKey && last !== null && last !== box) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
      }
      last = box;
      show();
    });
  }
  all.hidden = false;
  all.addEventListener('change', () => {
    for (const box of boxes) box.checked = all.checked;
    if (!all.checked && every) every.checked = false;
    show();
  });
  every?.addEventListener('change', show);
  none.hidden = false;
  none.addEventListener('click', () => {
    for (const box of [...boxes, every]) if (box) box.checked = false;
    show();
    all.focus();
  });
  // Browsers may tick again what was ticked when the page was left.
  show();
  addEventListener('pageshow', show);
}
