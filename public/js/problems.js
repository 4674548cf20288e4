// What is said against a field is about the value that was refused: it goes when there is another one that may be right, and comes
// back with the refused one.
import { onContent } from './content.js';

onContent((part) => {
  for (const field of part.querySelectorAll('[aria-invalid=true]')) {
    const problem = document.getElementById(`${field.id}-problem`);
    const refused = field.value;
    if (!problem) continue;
    field.addEventListener('input', () => {
      const mayBeRight = field.value !== refused && field.value.trim() !== '' && field.checkValidity();
      problem.hidden = mayBeRight;
      field.toggleAttribute('aria-invalid', false);
      if (!mayBeRight) field.setAttribute('aria-invalid', 'true');
    });
  }
});
