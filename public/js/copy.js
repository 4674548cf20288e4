// Buttons that copy what they stand beside.
import { onContent } from './content.js';

onContent((part) => {
  for (const button of part.querySelectorAll('button.copy')) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const source = document.getElementById(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(source.value ?? source.textContent);
        button.textContent = 'Copied';
      } catch {
        if (source.select) source.select();
        else getSelection().selectAllChildren(source);
        button.textContent = 'Selected';
      }
      setTimeout(() => {
        button.textContent = 'Copy';
      }, 2000);
    });
  }
});
