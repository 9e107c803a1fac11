/**
 * What browsers heed, after the OWASP Secure Headers Project: nothing of other sites is run or framed, no answer is
 * another site's to embed, no address of ours is told to others. `style-src` is as wide as the page that shows the API
 * needs it. TLS ends before us, so it is promised there (HSTS: k8s/components/istio/routing.yaml). Nest's
 * useSecurityHeaders would do, but sets each of a dozen on Node's response, which then checks and copies all others
 * once more.
 */
export const secureHeaders = {
  'content-security-policy': [
    "default-src 'self'",
    "base-uri 'self'",
    "font-src 'self' https: data:",
    "form-action 'self'",
    "frame-ancestors 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "script-src 'self'",
    "script-src-attr 'none'",
    "style-src 'self' https: 'unsafe-inline'",
  ].join(';'),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'SAMEORIGIN',
} as const;
