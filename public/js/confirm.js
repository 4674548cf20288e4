// What is for good waits until the name is typed.
import { onContent } from './content.js';

onContent((part) => {
  for (const field of part.querySelectorAll('input[data-confirms]')) {
    const { form } = field;
    const button = [...form.querySelectorAll('button.danger')].find((one) => !one.classList.contains('for-hold'));
    // As the server compares them: a run of spaces is shown as one.
    const plain = (text) => text.normalize().trim().replace(/\s+/g, ' ');
    const judge = () => {
      button.disabled = plain(field.value) !== plain(field.dataset.confirms);
    };
    form.addEventListener('input', judge);
    judge();
  }
});
