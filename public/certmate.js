// Comfort for those who run scripts; every page works without it.

for (const button of document.querySelectorAll('button.copy')) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = 'Selected';
    }
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 2000);
  });
}

// A filter that is chosen is applied; the button stays for those who type.
for (const select of document.querySelectorAll('form[data-filters] select')) {
  select.addEventListener('change', () => select.form.requestSubmit());
}
for (const form of document.querySelectorAll('form[data-filters]')) {
  // Empty filters need not show in the address.
  form.addEventListener('formdata', ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === '') formData.delete(name);
  });
}

// Making a key takes a moment: say so, and do not ask twice.
for (const form of document.querySelectorAll('form[data-busy]')) {
  form.addEventListener('submit', () => {
    const button = form.querySelector('button[type=submit]');
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

// A file can be chosen, or dropped, instead of pasted.
for (const area of document.querySelectorAll('textarea[data-file]')) {
  const chooser = document.getElementById(area.dataset.file);
  const read = async (file) => {
    if (!file || file.size > 65_536) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    area.value = text.includes('-----BEGIN') ? text : btoa(String.fromCharCode(...bytes));
  };
  chooser.closest('[hidden]').hidden = false;
  chooser.addEventListener('change', () => read(chooser.files[0]));
  area.addEventListener('dragover', (event) => event.preventDefault());
  area.addEventListener('drop', (event) => {
    event.preventDefault();
    read(event.dataTransfer.files[0]);
  });
}

// A table can be long, so that it is chosen as a file rather than pasted.
for (const area of document.querySelectorAll('textarea[data-table]')) {
  const chooser = document.getElementById(area.dataset.table);
  chooser.closest('[hidden]').hidden = false;
  chooser.addEventListener('change', async () => {
    const [file] = chooser.files;
    if (!file) return;
    try {
      area.value = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
      chooser.setCustomValidity('');
    } catch {
      chooser.setCustomValidity('This file is not in UTF-8. Save it as “CSV UTF-8”.');
      chooser.reportValidity();
    }
  });
}

// A batch tells how far it is; when it has ended, the page shows its results.
for (const progress of document.querySelectorAll('[data-events]')) {
  const events = new EventSource(progress.dataset.events);
  events.addEventListener('message', ({ data }) => {
    const job = JSON.parse(data);
    if (job.state === 'completed' || job.state === 'cancelled') {
      events.close();
      location.reload();
      return;
    }
    progress.querySelector('progress').value = job.done;
    for (const place of progress.querySelectorAll('[data-shows]')) {
      place.textContent = job.texts[place.dataset.shows];
    }
  });
  addEventListener('pagehide', () => events.close());
}
