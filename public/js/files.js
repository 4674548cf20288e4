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
