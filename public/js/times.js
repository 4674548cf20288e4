// Times in the reader's own zone, which is named, and way of writing; the exact one in UTC when pointed at. Numbers likewise.
import { onContent } from './content.js';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const minute = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: 'numeric',
  minute: '2-digit',
  timeZoneName: 'short',
});
const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const number = new Intl.NumberFormat();

onContent((part) => {
  for (const time of part.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const exact = `${time.dateTime.replace('T', ' ').replace(/(\.\d+)?Z$/, '')} UTC`;
    // What was written with its time of day keeps it.
    time.textContent = (/\d:\d\d/.test(time.textContent) ? minute : day).format(at);
    time.title = `${exact}\n${zoned.format(at)}`;
  }
  const { timeZone } = zoned.resolvedOptions();
  for (const note of part.querySelectorAll('[data-zone]'))
    note.textContent = `Times are in ${timeZone.replaceAll('_', ' ')}.`;
  for (const field of part.querySelectorAll('input[type=datetime-local][data-utc]')) {
    field.value = toLocal(field.value);
    field.defaultValue = field.value;
    for (const zone of field.form.querySelectorAll(`[data-zone-of="${field.name}"]`))
      zone.textContent = timeZone.replaceAll('_', ' ');
    field.form.addEventListener('formdata', ({ formData }) => formData.set(field.name, toUtc(field.value)));
  }
  for (const data of part.querySelectorAll('data[value]')) {
    const value = Number(data.value);
    if (Number.isFinite(value)) data.textContent = number.format(value);
  }
});

/** `2026-11-21T20:38` in UTC as the same moment on the reader's clock. */
function toLocal(text) {
  const at = new Date(`${text}Z`);
  if (text === '' || Number.isNaN(at.getTime())) return text;
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, text.length);
}

/** The inverse of toLocal. */
function toUtc(text) {
  const at = new Date(text);
  return text === '' || Number.isNaN(at.getTime()) ? text : at.toISOString().slice(0, text.length);
}
