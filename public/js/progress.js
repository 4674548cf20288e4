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
