// Parts of a page may be exchanged while it is open; what enhances pages enhances the new parts, too.

const enhancements = [];

/** Runs `enhance` with the document now, and with every part that comes later. */
export function onContent(enhance) {
  enhancements.push(enhance);
  enhance(document);
}

/** To be called with an element that has just been put into the page. */
export function contentArrived(part) {
  for (const enhance of enhancements) enhance(part);
}
