/**
 * What every response says to a browser: that nothing in it runs, is framed, is taken for another type, or is kept. A
 * route of pages sets a Content-Security-Policy of its own, and a download its Cache-Control. No
 * Strict-Transport-Security: whether there is TLS in front of the service is known only there. After the OWASP REST
 * security cheat sheet; default-src does not stand in for the three directives behind it.
 */
export const securityHeaders = {
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const satisfies Record<string, string>;
