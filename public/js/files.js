// What can be pasted can also be chosen as a file, or dropped.
import { onContent } from './content.js';

onContent((part) => {
  for (const area of part.querySelectorAll('textarea[data-file]')) readRequests(area);
  for (const area of part.querySelectorAll('textarea[data-table]')) readTables(area);
});

/** A CSR in PEM or DER. */
function readRequests(area) {
  const read = async (file) => {
    if (!file || file.size > 65_536) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    area.value = text.includes('-----BEGIN') ? text : btoa(String.fromCharCode(...bytes));
    area.dispatchEvent(new Event('input', { bubbles: true }));
  };
  offer(area, area.dataset.file, area, read);
}

/** A table in CSV: what is read is checked at once. */
function readTables(area) {
  const read = async (file, chooser) => {
    if (!file) return;
    try {
      const text = tableText(new Uint8Array(await file.arrayBuffer()));
      // Nobody reads so much text in a field, and laying it out takes the browser long.
      area.hidden = text.length > 100_000;
      area.value = text;
      chooser.setCustomValidity('');
    } catch (error) {
      chooser.setCustomValidity(error.message);
      chooser.reportValidity();
      return;
    }
    area.form.requestSubmit(area.form.querySelector('button[value=check]'));
  };
  offer(area, area.dataset.table, area.closest('.drop-zone') ?? area, read);
}

/** The text of a table, as the server reads it: UTF-16 by its byte order mark, UTF-8 where it is valid, Windows-1252 otherwise. */
function tableText(bytes) {
  const begins = (...octets) => octets.every((octet, at) => bytes[at] === octet);
  if (begins(0x50, 0x4b) || begins(0xd0, 0xcf, 0x11, 0xe0)) {
    throw new Error('This is an Excel workbook. Save the table as “CSV UTF-8” and choose that file.');
  }
  if (begins(0xff, 0xfe)) return new TextDecoder('utf-16le').decode(bytes);
  if (begins(0xfe, 0xff)) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

function offer(area, id, zone, read) {
  const chooser = area.form.querySelector(`#${id}`);
  chooser.closest('[hidden]').hidden = false;
  chooser.addEventListener('change', () => read(chooser.files[0], chooser));
  zone.addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('dropping');
  });
  zone.addEventListener('dragleave', () => zone.classList.remove('dropping'));
  zone.addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('dropping');
    read(event.dataTransfer.files[0], chooser);
  });
}
