// What is for good waits until the name is typed.
import { onContent } from './content.js';

onContent((part) => {
  for (const field of part.querySelectorAll('input[data-confirms]')) {
    const { form } = field;
    const button = [...form.querySelectorAll('button.danger')].find((one) => !one.classList.contains('for-hold'));
    const judge = () => {
      button.disabled = field.value.trim() !== field.dataset.confirms;
    };
    form.addEventListener('input', judge);
    judge();
  }
});
