/** Typing a name before something that cannot be undone. */

export const TYPE_THE_NAME = 'Type the name exactly as it is shown.';

/** Whether what was typed is the name as a page shows it: browsers show a run of spaces as one. */
export function confirms(typed: string, name: string): boolean {
  return asShown(typed) === asShown(name);
}

function asShown(text: string): string {
  return text.normalize().trim().replace(/\s+/g, ' ');
}
