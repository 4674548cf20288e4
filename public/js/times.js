// Times in the reader's own zone and way of writing; the exact one in UTC when pointed at. Numbers likewise.
import { onContent } from './content.js';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const minute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
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
  for (const data of part.querySelectorAll('data[value]')) {
    const value = Number(data.value);
    if (Number.isFinite(value)) data.textContent = number.format(value);
  }
});
