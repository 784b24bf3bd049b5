// Storage may be forbidden by the browser's settings; the page works without it.

/** What this browser remembers under a key; null where it does not. */
export function readStorage(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Remembers a text, or forgets it where it is null. */
export function writeStorage(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Then the choice lasts as long as the page.
  }
}
