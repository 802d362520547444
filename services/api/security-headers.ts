// What every answer says to browsers: show nothing of others, run nothing but the page's own code, keep nothing.

export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Once it was asked over TLS, a browser asks this host no other way (RFC 6797): for half a year. */
export const TLS_HEADERS = { 'strict-transport-security': 'max-age=15768000' } as const;
