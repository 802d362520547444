// Paths relative to a folder that come from elsewhere, from a manifest or over the wire: none of them may lead out of it.

/** Whether a path stays below the folder that it is relative to, on every system. */
export function isBelow(path: string): boolean {
  if (/[\\\0]/.test(path) || /^[A-Za-z]:/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
